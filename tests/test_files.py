"""A file is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unlearnkit.files import CannotWrite, make_folder, write_whole


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


def test_two_who_write_one_file_at_once_never_tear_it(tmp_path: Path) -> None:
    place = tmp_path / "result.txt"
    texts = {letter * 200_000 for letter in "ab"}
    write_whole(place, "a" * 200_000)

    def write(text: str) -> None:
        for _ in range(30):
            write_whole(place, text)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, text) for text in texts]
        while not all(writer.done() for writer in writers):
            assert place.read_text(encoding="utf-8") in texts
        for writer in writers:
            writer.result()
    assert list(tmp_path.iterdir()) == [place]


def test_parts_are_joined_and_no_system_changes_a_newline(tmp_path: Path) -> None:
    place = tmp_path / "lines.txt"
    write_whole(place, (f"{n}\n" for n in range(2)))
    assert place.read_bytes() == b"0\n1\n"


def test_a_folder_in_whose_place_a_file_lies_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be written"):
        make_folder(tmp_path / "file" / "below")
