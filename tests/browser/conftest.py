"""One browser and one JupyterLab for all tests here; a folder for what they saw."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .chromium import started_browser
from .jupyterlab import isolated, lessons_served


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    """Where pictures are kept: the folder that UNLEARNKIT_SCREENSHOTS names, else one of pytest's own."""
    asked = os.environ.get("UNLEARNKIT_SCREENSHOTS")
    folder = Path(asked).resolve() if asked else tmp_path_factory.mktemp("screenshots", numbered=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# Package, not session: while Playwright is there, this thread counts as running an event loop, and tests
# elsewhere may want one of their own.


@pytest.fixture(scope="package")
def browser():
    """The browser of this machine."""
    with started_browser() as started:
        yield started


@pytest.fixture(scope="package")
def jupyterlab(browser, wheel, tmp_path_factory):
    """`unlearnkit lab` from the built wheel: its address, and the folder of its lessons."""
    private = tmp_path_factory.mktemp("jupyterlab")
    folder = private / "lessons"
    with lessons_served(folder, isolated(wheel, private)) as address:
        yield address, folder
