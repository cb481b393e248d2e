"""`unlearnkit calibrate` and `unlearnkit study` refuse nonsense in one line, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearnkit.cli import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizer", "addam"],
        ["--optimizer", ","],
        ["--objective", "nope"],
        ["--task", "people"],
        ["--task", ","],
        ["--seed", "1.5"],
        ["--seed", ","],
        ["--budget", "much"],
        ["--budget", "-3"],
        ["--budget", "nan"],
        ["--workers", "0"],
        ["--workers", "two"],
    ],
)
def test_nonsense_is_refused_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "--out", str(tmp_path / "new"), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("unlearnkit calibrate: ")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [["depths"], ["depth", "--workers", "x"], ["depth", "--workers", "0"]])
def test_a_study_that_is_none_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", *arguments, "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("unlearnkit study: ")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["calibrate", "--out", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err
