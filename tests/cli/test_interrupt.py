"""Ctrl-C ends a comparison at once, in one line, with nothing half-written."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the workers through /proc"),
]


@pytest.fixture
def comparison(tmp_path: Path):
    command = [sys.executable, "-m", "unlearnkit", "compare", "--quick", "--out", "out"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    # Who starts the tests in the background may have Ctrl-C ignored, and children would ignore it, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, start_new_session=True, **options)
    signal.signal(signal.SIGINT, before)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def workers_of(process: subprocess.Popen, *, within: float = 300) -> list[int]:
    """Process ids of the spawned workers, once there are two."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _is_worker(entry, process.pid)]
        if len(found) >= 2:
            return found
        time.sleep(0.2)
    raise AssertionError("no workers were started")


def _is_worker(entry: Path, session: int) -> bool:
    try:
        spawned = b"spawn_main" in (entry / "cmdline").read_bytes()
        return spawned and os.getsid(int(entry.name)) == session
    except OSError:  # it ended while we looked
        return False


def test_ctrl_c_leaves_nothing_half_written(comparison: subprocess.Popen, tmp_path: Path) -> None:
    workers_of(comparison)
    time.sleep(3)  # into their work
    os.killpg(comparison.pid, signal.SIGINT)
    _, said = comparison.communicate(timeout=300)
    assert comparison.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        "unlearnkit compare: interrupted; what was finished is kept: the same command goes on from there"
    )
    left = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[0-9a-f]{16}\.json", name) for name in left)
