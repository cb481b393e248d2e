"""Where real TOFU rows and logs lie, for tests that need them; they are no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("UNLEARNKIT_REFERENCE_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def reference_data():
    """Find a folder: reference_data("tofu_logs"); where it is missing, the test is skipped, visibly."""

    def find(name: str) -> Path:
        folder = FOLDER / name
        if not folder.is_dir():
            pytest.skip(
                f"no reference data: {name} is missing (UNLEARNKIT_REFERENCE_DATA says where it lies)"
            )
        return folder

    return find
