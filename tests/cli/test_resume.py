"""A comparison that is killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from unlearnkit.records import RunStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills a whole session of processes"),
]
OPTIONS = [
    "--task",
    "topic",
    "--folds",
    "1",
    "--optimizers",
    "sgd",
    "--attacks",
    "quantize-4",
    "--workers",
    "2",
]


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "unlearnkit", "compare", "--out", str(folder), *OPTIONS]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder.parent,
    )


def results(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for row in content["rows"]:
        del row["cost"]["seconds"]
    return content


def wait_for_cells(process: subprocess.Popen, folder: Path, wanted: int, *, within: float = 300) -> int:
    """Wait until so many cells are kept; how many are."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and process.poll() is None:
        found = len(list((folder / "cells").glob("[!.]*.json")))
        if found >= wanted:
            return found
        time.sleep(0.1)
    raise AssertionError("the cells did not come")


def test_killed_at_any_moment_it_ends_like_an_undisturbed_run(tmp_path: Path) -> None:
    """Killed while no cell is done, when one is, and when two of four are: each a little later than that."""
    torn, whole = tmp_path / "torn", tmp_path / "whole"
    moments = random.Random(4)
    for wanted in (0, 1, 2):
        process = start(torn)
        wait_for_cells(process, torn, wanted)
        time.sleep(moments.uniform(0, 2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (torn / "results.json").exists()
    before = {path: path.stat().st_mtime_ns for path in (torn / "cells").glob("[!.]*.json")}
    assert len(before) >= 2
    assert start(torn).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert start(whole).wait() == 0
    assert results(torn) == results(whole)
    with RunStore(tmp_path / "runs.sqlite", create=False) as store:
        assert store.count(tag="robustness-test") == 1
