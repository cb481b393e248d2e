"""What the tests of the claims ledger share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from unlearnkit.resources import data_path

Entries = list[dict[str, Any]]


@pytest.fixture(scope="session")
def shipped() -> Entries:
    """The first two claims of the ledger as YAML has them, shared texts filled in."""
    return yaml.safe_load(data_path("claims.yaml").read_text(encoding="utf-8"))[:2]


@pytest.fixture
def ledger(shipped: Entries, tmp_path: Path) -> Callable[[Callable[[Entries], object]], Path]:
    """Write those two after a change: ledger(lambda entries: …) gives the path."""

    def write(change: Callable[[Entries], object]) -> Path:
        entries = copy.deepcopy(shipped)
        change(entries)
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path

    return write
