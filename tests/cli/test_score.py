"""`unlearnkit score` prints what a log says, or in one line why it says nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from unlearnkit.cli import main

from ..metrics.tofu.made_log import made_log, written

FORGET, RETAIN = "eval_log_forget.json", "eval_log.json"
AUTHORS = "eval_real_author_wo_options.json"


def run(capsys, *arguments):
    """The exit code, what was printed, and the lines on the error stream."""
    code = main(["score", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err.splitlines()


def test_the_published_logs_are_scored(reference_data, capsys):
    folder = reference_data("tofu_logs")
    log, reference = folder / "phi_full_wd0.01.json", folder / "phi_retain90_wd0.01.json"
    code, out, said = run(capsys, "tofu", log, "--reference", reference, "--json")
    found = json.loads(out)
    assert (code, said) == (0, [])
    assert found["forget_quality"] == {
        "p": pytest.approx(2.194e-16, rel=1e-3), "d": pytest.approx(0.3467, abs=5e-5), "n": 300,
    }  # fmt: skip
    assert found["model_utility"]["tofu"] == pytest.approx(0.5034, abs=5e-5)
    assert found["model_utility"]["open_unlearning"] == pytest.approx(0.5221, abs=5e-5)
    assert found["model_utility"]["parts"]["retain_probability"] == pytest.approx(0.9261, abs=5e-5)


def test_the_readme_shows_what_is_printed(reference_data, capsys):
    folder = reference_data("tofu_logs")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Score logs that other tools made")[1].split("\n## ")[0]
    commands = re.findall(r"unlearnkit score tofu (\S+) --reference (\S+)\n", section)
    shown = re.findall(r"```text\n(.*?)```", section, flags=re.DOTALL)
    assert len(commands) == len(shown) == 2
    for (log, reference), lines in zip(commands, shown, strict=True):
        assert run(capsys, "tofu", folder / log, "--reference", folder / reference)[1].startswith(lines)


def test_the_table_says_the_same_as_the_json(tmp_path, capsys):
    log = written(made_log(), tmp_path / "log.json")
    options = ["tofu", log, "--reference", written(made_log(1), tmp_path / "other.json")]
    found = json.loads(run(capsys, *options, "--json")[1])
    lines = [line.split("  ") for line in run(capsys, *options)[1].splitlines()]
    table = {cells[0]: float(cells[-1]) for cells in lines}
    assert table["forget_quality d"] == pytest.approx(found["forget_quality"]["d"], abs=5e-5)
    assert table["model_utility tofu"] == pytest.approx(found["model_utility"]["tofu"], abs=5e-5)
    for name, value in found["model_utility"]["parts"].items():
        assert table[name] == pytest.approx(value, abs=5e-5)


def test_without_a_reference_the_error_stream_says_what_to_give(tmp_path, capsys):
    log = written(made_log(), tmp_path / "log.json")
    code, out, said = run(capsys, "tofu", log, "--json")
    assert code == 0
    assert json.loads(out)["forget_quality"] is None
    assert len(said) == 1
    assert "give its log as --reference" in said[0]
    assert "forget_quality" in run(capsys, "tofu", log)[1]


def test_without_a_part_utility_is_null_and_the_missing_parts_are_named(tmp_path, capsys):
    log = made_log()
    del log[AUTHORS]
    code, out, said = run(capsys, "tofu", written(log, tmp_path / "log.json"), "--json")
    utility = json.loads(out)["model_utility"]
    assert code == 0
    assert utility["tofu"] is None
    assert "real_authors_rouge_l_recall" in utility["missing"]
    assert any("no eval_real_author" in line for line in said)
    table = run(capsys, "tofu", tmp_path / "log.json")[1]
    assert "not measured" in table
    assert "model_utility missing" in table


# Malformed logs: each spoils a good one


def _set(part, field, row, value):
    return lambda log: log[part][field].__setitem__(row, value)


def _field(part, field, value):
    return lambda log: log[part].__setitem__(field, value)


def _drop(part, field, row=None):
    return lambda log: log[part].pop(field) if row is None else log[part][field].pop(row)


def _part(part, value):
    return lambda log: log.__setitem__(part, value)


def _only_other_keys(log):
    log["model"] = log.pop(RETAIN)["avg_gt_loss"]
    for name in [FORGET, AUTHORS, "eval_real_world_wo_options.json"]:
        del log[name]


def _one_part(log):
    part = log[FORGET]
    log.clear()
    log.update(part)


def _two_spellings(log):
    log[RETAIN]["avg_gt_loss"]["00"] = 1.0


SPOILED = {
    "missing field": (_drop(FORGET, "average_perturb_loss"), 'has no "average_perturb_loss"'),
    "missing losses": (_drop(RETAIN, "avg_gt_loss"), 'has no "avg_gt_loss"'),
    "missing paraphrase": (_drop(AUTHORS, "avg_paraphrased_loss"), 'has no "avg_paraphrased_loss"'),
    "no recall, no text": (
        lambda log: [log[RETAIN].pop(name) for name in ("rougeL_recall", "generated_text")],
        'has no "rougeL_recall"',
    ),
    "missing row": (_drop(FORGET, "avg_paraphrased_loss", "4"), 'lacks row "4"'),
    "a row on two lines": (_set(FORGET, "rougeL_recall", "7\n\x1b[2J", 0.5), r'has row "7\n\u001b[2J"'),
    "one row more": (_set(FORGET, "rougeL_recall", "77", 0.5), 'has row "77" besides'),
    "a row in two spellings": (_two_spellings, "a row twice under two spellings"),
    "list of rows": (_field(FORGET, "avg_gt_loss", [1.0, 2.0]), "must be an object by row number"),
    "no rows": (_field(FORGET, "avg_gt_loss", {}), 'FORGET, "avg_gt_loss" has no row'),
    "part is a list": (_part(RETAIN, []), "must be an object with a field a measure, not a list"),
    "part is null": (_part(RETAIN, None), "must be an object with a field a measure, not null"),
    "empty part": (_part(RETAIN, {}), 'has no "avg_gt_loss"'),
    "text for a loss": (_set(FORGET, "avg_gt_loss", "0", "0.5"), 'row "0": must be a number, not a text'),
    "true for a loss": (_set(FORGET, "avg_gt_loss", "0", True), "must be a number, not true or false"),
    "null for a loss": (_set(FORGET, "avg_paraphrased_loss", "2", None), "must be a number, not null"),
    "NaN": (_set(RETAIN, "avg_gt_loss", "3", float("nan")), 'row "3": must be finite, not nan'),
    "infinity": (_set(RETAIN, "avg_gt_loss", "3", float("inf")), 'row "3": must be finite, not inf'),
    "beyond floats": (_set(RETAIN, "avg_gt_loss", "3", 10**400), "must be finite, not inf"),
    "NaN among wrong ones": (
        _set(FORGET, "average_perturb_loss", "1", [1.0, float("nan")]), 'row "1": must be finite',
    ),
    "negative loss": (_set(RETAIN, "avg_gt_loss", "0", -0.5), "must be 0 or above, not -0.5"),
    "wrong answers no list": (_set(FORGET, "average_perturb_loss", "1", 2.5), "must be a list with a loss"),
    "no wrong answers": (_set(FORGET, "average_perturb_loss", "1", []), "not an empty list"),
    "recall above 1": (_set(RETAIN, "rougeL_recall", "0", 1.5), "must lie between 0 and 1, not 1.5"),
    "zero tokens": (_set(FORGET, "num_token_gt", "0", 0), "must be a whole number of tokens, 1 or above"),
    "negative tokens": (_set(FORGET, "num_token_gt", "0", -3), "1 or above, not -3"),
    "half a token": (_set(FORGET, "num_token_gt", "0", 2.5), "whole number of tokens"),
    "no part at all": (_only_other_keys, "no part of a TOFU log is there"),
    "one part by itself": (_one_part, "give eval_log_aggregated.json"),
}  # fmt: skip

FILES = {
    "missing file": (None, "there is no such file"),
    "folder": ("folder", "is a folder"),
    "empty file": (b"", "no JSON from line 1"),
    "truncated": (json.dumps(made_log()).encode()[:5000], "is it cut off?"),
    "not UTF-8": (json.dumps({"\xe9": 1}, ensure_ascii=False).encode("latin-1"), "is not UTF-8"),
    "UTF-16": ("{}".encode("utf-16"), "is not UTF-8"),
    "list": (b"[]", "a JSON object with a part a file, not a list"),
    "number": (b"3", "not the number 3"),
    "empty object": (b"{}", "no part of a TOFU log is there"),
    "a row twice": (b'{"eval_log.json": {"avg_gt_loss": {"0": 1, "0": 2}}}', '"0" stands twice'),
    "endless nesting": (b"[" * 200_000, "cannot be read"),
    "a number without end": (b'{"a": ' + b"9" * 5000 + b"}", "cannot be read"),
}


def one_line(capsys, *arguments):
    code, out, said = run(capsys, *arguments)
    assert (code, out, len(said)) == (2, "", 1)
    return said[0]


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_log_is_refused_in_one_line_that_names_the_place(name, tmp_path, capsys):
    spoil, message = SPOILED[name]
    log = made_log()
    spoil(log)
    line = one_line(capsys, "tofu", written(log, tmp_path / "log.json"), "--json")
    assert "log.json" in line
    assert message.replace("FORGET", FORGET) in line


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("as_reference", [False, True], ids=["log", "reference"])
def test_a_file_that_is_no_log_is_refused_in_one_line(name, as_reference, tmp_path, capsys):
    content, message = FILES[name]
    path = tmp_path / "given.json"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    good = written(made_log(), tmp_path / "good.json")
    options = ["tofu", good, "--reference", path] if as_reference else ["tofu", path]
    line = one_line(capsys, *options)
    assert "given.json" in line
    assert message in line


def test_a_reference_about_other_rows_is_refused_in_one_line(tmp_path, capsys):
    log = written(made_log(), tmp_path / "log.json")
    other = written(made_log(1, rows={FORGET: 5}), tmp_path / "other.json")
    assert "different forget sets" in one_line(capsys, "tofu", log, "--reference", other)


# MUSE's commands hand over to its metrics


@pytest.fixture
def muse(monkeypatch):
    """Stand-ins for MUSE's own functions, which are tested where they are."""
    calls = []

    def score_rows(path):
        calls.append(path)
        return {"rouge_l": {"f1": 0.5, "recall": 0.25}, "n": 3}

    def score_privleak(forget, holdout, *, reference_auc=None):
        calls.append((forget.name, holdout.name, reference_auc))
        return {"auc": 0.5, "privleak": None if reference_auc is None else -12.5, "n": {"forget": 2}}

    modules = {"log": {"score_rows": score_rows}, "privleak": {"score_privleak": score_privleak}}
    for name, functions in modules.items():
        monkeypatch.setitem(sys.modules, f"unlearnkit.metrics.muse.{name}", SimpleNamespace(**functions))
    return calls


def test_muse_rows_are_scored(muse, tmp_path, capsys):
    code, out, said = run(capsys, "muse", tmp_path / "rows.json", "--json")
    assert (code, said) == (0, [])
    assert json.loads(out) == {"rouge_l": {"f1": 0.5, "recall": 0.25}, "n": 3}
    assert muse == [tmp_path / "rows.json"]
    assert run(capsys, "muse", "rows.json")[1].splitlines()[0].split() == ["rouge_l", "f1", "0.5000"]


def test_privleak_takes_two_files_and_a_reference(muse, capsys):
    files = ["privleak", "--forget", "f.json", "--holdout", "h.json"]
    code, out, _ = run(capsys, *files, "--reference-auc", "0.4772", "--json")
    assert code == 0
    assert json.loads(out)["privleak"] == -12.5
    code, out, _ = run(capsys, *files)
    assert out.splitlines()[1:] == ["privleak  not measured", "n forget  2"]
    assert muse == [("f.json", "h.json", 0.4772), ("f.json", "h.json", None)]


def test_a_reference_auc_may_be_a_name_and_is_checked_where_it_is_used(muse, capsys):
    files = ["privleak", "--forget", "f.json", "--holdout", "h.json"]
    run(capsys, *files, "--reference-auc", "muse_books")
    run(capsys, *files, "--reference-auc=-0.1")
    assert [call[2] for call in muse] == ["muse_books", -0.1]
