"""`unlearnkit records`: every action on a real file, exit codes, and one line for each fault."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest

from unlearnkit.cli import main
from unlearnkit.records import RunStore

QUICK = str(Path(__file__).parents[1] / "comparison.json")
CONTENT = json.loads((Path(__file__).parents[1] / "comparison.json").read_text(encoding="utf-8"))
ROWS = len(CONTENT["rows"]) + len(CONTENT["controls"])


@pytest.fixture
def ids():
    """The ids of the shipped runs."""
    return [row["run_id"] for row in CONTENT["rows"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def records(folder, capsys):
    """Run `unlearnkit records` with arguments: exit code, output, errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["records", *arguments])
        return code, *capsys.readouterr()

    return run


def test_without_a_store_the_shipped_records_are_listed(records, folder):
    code, said, _ = records("list")
    assert code == 0
    assert said.splitlines()[0].split()[:5] == ["run_id", "task", "fold", "objective", "optimizer"]
    assert "robustness-test" in said
    assert list(folder.iterdir()) == []


def test_json_is_a_list_of_objects(records, ids):
    code, said, _ = records("list", "--tag", "robustness-test", "--optimizer", "adam,sgd", "--json")
    rows = json.loads(said)
    assert code == 0
    assert {row["optimizer"] for row in rows} == {"adam", "sgd"}
    for row in rows:
        assert {"run_id", "optimizer", "lr", "batch_size", "status", "tags"} <= row.keys()
        assert row["tags"] == ["robustness-test"]
        assert row["batch_size"] == 16
    _, none, _ = records("list", "--tag", "nobody", "--json")
    assert json.loads(none) == []
    _, few, _ = records("list", "--task", "entities", "--fold", "1", "--limit", "2", "--json")
    assert len(json.loads(few)) == 2


def test_what_is_no_number_is_null(records, folder):
    content = copy.deepcopy(CONTENT)
    content["rows"][0]["scores"]["verbmem_forget"] = math.nan
    content["rows"][0]["scores"]["nll_forget"] = math.inf
    (folder / "results.json").write_text(json.dumps(content))
    records("import", "results.json")

    def strict(name: str) -> float:
        raise AssertionError(name)

    for arguments in (("list", "--controls"), ("show", content["rows"][0]["run_id"])):
        _, said, _ = records(*arguments, "--json")
        json.loads(said, parse_constant=strict)


def test_show_prints_a_run_and_its_attacks(records, ids):
    code, said, _ = records("show", ids[0][:6])
    assert code == 0
    assert f"run_id: {ids[0]}" in said
    assert "relearn-100" in said
    code, said, _ = records("show", ids[0], "--json")
    row = json.loads(said)
    assert (code, row["run_id"], len(row["attacks"])) == (0, ids[0], len(CONTENT["rows"][0]["attacks"]))


def test_import_tag_note_and_export(records, ids, folder):
    code, said, _ = records("import", QUICK)
    assert (code, said) == (0, f"{ROWS} added, 0 merged, 0 rejected\n")
    assert records("tag", ids[0], "mine", "yours")[0] == 0
    assert records("tag", ids[0], "yours", "--remove")[0] == 0
    assert records("note", ids[0], "as expected")[0] == 0
    with RunStore(folder / "runs.sqlite") as store:
        assert store.get(ids[0])["tags"] == ["mine", "robustness-test"]
        assert store.get(ids[0])["notes"] == "as expected"
    assert "as expected" in records("list", "--tag", "mine")[1]
    assert records("export", "out.jsonl") == (0, f"Written: out.jsonl, {ROWS} rows\n", "")
    assert records("export", "out.jsonl")[0] == 2
    assert records("export", "out.jsonl", "--overwrite")[0] == 0
    assert records("import", "out.jsonl", "--store", "other.sqlite")[0] == 0
    assert "as expected" in records("list", "--store", "other.sqlite")[1]


def test_rejected_lines_are_named_and_the_code_says_so(records, folder):
    records("export", "out.jsonl")
    with (folder / "out.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"row": {}}\nno json\n')
    code, said, errors = records("import", "out.jsonl")
    assert code == 1
    assert said.endswith("0 merged, 2 rejected\n")
    number = len((folder / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert errors.splitlines()[0].startswith(f"out.jsonl, line {number - 1}: row has no run_id")
    assert errors.splitlines()[1].startswith(f"out.jsonl, line {number}: it is no JSON")


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--outcome", "survive"),
        ("list", "--status", "gone"),
        ("list", "--limit", "many"),
        ("list", "--limit", "-1"),
        ("list", "--fold", "x"),
        ("list", "--store", "none.sqlite"),
        ("show", "nobody"),
        ("tag", "nobody", "x"),
        ("note", "", "x"),
        ("import", "none.jsonl"),
        ("export", "nowhere/x.jsonl"),
        ("list", "--store", "."),
    ],
    ids=" ".join,
)
def test_a_fault_is_one_line_and_code_2(arguments, records, folder):
    code, said, errors = records(*arguments)
    assert code == 2
    assert said == ""
    assert errors.startswith("unlearnkit records: ")
    assert errors.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"), [("x.json", "{"), ("x.json", "{}"), ("x.jsonl", "{}\n[]\n"), ("x", "")]
)
def test_a_file_that_holds_no_record_makes_no_store(name, text, records, folder):
    (folder / name).write_text(text)
    code, _, errors = records("import", name)
    assert code == 2
    assert errors.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == [name]


def test_shipped_records_cannot_be_tagged_and_the_way_out_works(records, ids):
    code, _, errors = records("tag", ids[0], "x")
    assert code == 2
    for command in ("export records.jsonl", "import records.jsonl"):
        assert f"unlearnkit records {command}" in errors
        assert records(*command.split())[0] == 0
    assert records("tag", ids[0], "x")[0] == 0


def test_a_terminal_is_not_commanded(records, folder, ids):
    records("import", QUICK)
    with RunStore("runs.sqlite") as store:
        store.note(ids[0], "\x1b[2Jgone\nnew line")
    for arguments in (("list",), ("show", ids[0])):
        said = records(*arguments)[1]
        assert "\x1b" not in said
        assert "\\x1b[2Jgone\\nnew line" in said


@pytest.mark.parametrize("arguments", [(), ("dance",), ("tag", "x"), ("list", "--fast")], ids=str)
def test_unknown_arguments_exit_with_2(arguments, folder):
    with pytest.raises(SystemExit) as exit_:
        main(["records", *arguments])
    assert exit_.value.code == 2
