"""`unlearnkit report` and `unlearnkit brief` write what they say they write, or refuse in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unlearnkit.cli import main
from unlearnkit.records import RunStore


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    content = json.loads((Path(__file__).parents[1] / "comparison.json").read_text(encoding="utf-8"))
    with RunStore(tmp_path / "mine.sqlite") as store:
        store.add_results(content, tags=["spring"])
    return tmp_path / "mine.sqlite"


def test_the_shipped_records_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "Written: report.html\n"
    assert "signadam" in Path("report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]  # nothing half-written, no store


def test_a_store_and_a_tag_choose(store_file: Path, tmp_path: Path) -> None:
    options = ["--store", str(store_file), "--out"]
    assert main(["report", *options, str(tmp_path / "all.html"), "--tag", "spring"]) == 0
    assert main(["report", *options, str(tmp_path / "none.html"), "--tag", "autumn"]) == 0
    assert "signadam" in (tmp_path / "all.html").read_text(encoding="utf-8")
    assert "There is no run in these records" in (tmp_path / "none.html").read_text(encoding="utf-8")


def test_the_brief_is_printed_or_written(
    store_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["brief", "--store", str(store_file)]) == 0
    printed = capsys.readouterr().out
    assert "Too few to decide" in printed
    assert main(["brief", "--store", str(store_file), "--out", str(tmp_path / "brief.md")]) == 0
    assert (tmp_path / "brief.md").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize("command", ["report", "brief"])
@pytest.mark.parametrize(
    "arguments", [["--store", "missing.sqlite"], ["--out", "no/such/folder/file"], ["--out", "."]]
)
def test_nonsense_is_refused_in_one_line(
    command: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"unlearnkit {command}: ")
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
