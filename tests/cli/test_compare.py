"""At the command line a fault is one line and exit code 2, and nothing is half-written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from unlearnkit.cli import main, parser
from unlearnkit.cli.compare import free_folder
from unlearnkit.records import RunStore


@pytest.mark.parametrize(
    "arguments",
    [
        ["--optimizers", "addam"],
        ["--optimizers", ","],
        ["--objective", "nope"],
        ["--task", "people"],
        ["--folds", "one"],
        ["--folds", "99"],
        ["--folds", "-1"],
        ["--attacks", "hammer-3"],
        ["--attacks", "quantize-5"],
        ["--attacks", "relearn-0"],
        ["--attacks", "relearn-10@nan"],
        ["--seed", "1e3"],
        ["--workers", "0"],
        ["--workers", "two"],
    ],
)
def test_nonsense_is_refused_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--out", str(tmp_path / "new"), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("unlearnkit compare: ")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_an_unwritable_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["compare", "--out", str(tmp_path / "file" / "x")]) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_unknown_options_exit_with_2() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["compare", "--fast"])
    assert exit_.value.code == 2


@pytest.mark.parametrize("command", ["compare", "build-lab", "lab", "doctor"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"unlearnkit {command}" in capsys.readouterr().out


def test_the_default_folder_is_one_that_holds_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert free_folder() == Path("comparison")
    Path("comparison").mkdir()
    Path("comparison/results.json").touch()
    assert free_folder() == Path("comparison-2")


@pytest.mark.slow
def test_json_prints_what_it_writes_and_the_store_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "mine.sqlite"
    options = ["--quick", "--optimizers", "sgd", "--attacks", "quantize-4", "--json", "--store", str(store)]
    assert main(["compare", "--out", str(tmp_path), *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    with RunStore(store, create=False) as kept:
        (row,) = kept.to_frame(tag="robustness-test").to_dict("records")
    assert (row["run_id"], row["lr"], row["batch_size"]) == tuple(
        printed["rows"][0][name] for name in ("run_id", "lr", "batch_size")
    )

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    other = tmp_path / "other.sqlite"
    again = ["compare", "--out", str(tmp_path), *options[:-1], str(other), "--overwrite"]
    with monkeypatch.context() as closed, pytest.raises(BrokenPipeError):
        closed.setattr("sys.stdout", Closed())
        parsed = parser().parse_args(again)
        parsed.run(parsed)
    with RunStore(other, create=False) as kept:
        assert kept.count() == 1


def test_a_store_that_is_none_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.sqlite").write_text("Dear reader, this is no database." * 99)
    options = ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "letter.sqlite")]
    assert main(["compare", *options]) == 2
    assert "letter.sqlite" in capsys.readouterr().err
    assert main(["compare", *options[:-1], str(tmp_path / "nowhere" / "runs.sqlite")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/cells/*"))
