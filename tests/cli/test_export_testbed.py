"""`unlearnkit export-testbed` says what it wrote, and refuses nonsense in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unlearnkit.cli import main


def test_what_was_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "atlas"
    assert main(["export-testbed", "--format", "wmdp", "--task", "topic", "--out", str(place)]) == 0
    printed = capsys.readouterr().out
    assert "   157  forget.jsonl" in printed
    assert f'uk.load_testbed("wmdp:{place}", model=…)' in printed


def test_json_is_an_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "atlas"
    asked = ["export-testbed", "--format", "tofu", "--fold", "2", "--out", str(place), "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == f"tofu:{place}"
    for name, count in found["rows"].items():
        assert len((place / name).read_text(encoding="utf-8").splitlines()) == count
    assert main(asked) == 2
    assert main([*asked, "--overwrite"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "tofoo"],
        ["--format", "tofu", "--task", "people"],
        ["--format", "tofu", "--task", "topic", "--fold", "4"],
        ["--format", "tofu", "--fold", "one"],
        ["--format", "tofu", "--fold", "6"],
    ],
)
def test_nonsense_is_refused_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export-testbed", "--out", str(tmp_path / "new"), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("unlearnkit export-testbed: ")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("what", ["a file", "below a file", "a folder with files"])
def test_a_place_that_is_taken_is_refused_in_one_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    place = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "below",
        "a folder with files": tmp_path,
    }[what]
    assert main(["export-testbed", "--format", "muse", "--out", str(place)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
