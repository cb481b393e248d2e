"""A file is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unlearnkit.files import CannotWrite, write_whole


def test_what_was_there_is_replaced_in_one_go(tmp_path: Path) -> None:
    place = tmp_path / "result.txt"
    for text in ("one", "Åland"):
        write_whole(place, text)
        assert place.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [place]


def test_a_folder_that_went_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="gone/x cannot be written"):
        write_whole(tmp_path / "gone" / "x", "text")


def test_a_full_disk_leaves_what_was_there_and_no_draft(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk of so many bytes: the system refuses alike."""
    resource = pytest.importorskip("resource", reason="limits on the size of files are POSIX")
    place = tmp_path / "result.txt"
    place.write_text("before")
    code = f"import pathlib, unlearnkit.files as f; f.write_whole(pathlib.Path({str(place)!r}), 'x' * 5000)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "CannotWrite" in done.stderr
    assert "make room" in done.stderr
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]
