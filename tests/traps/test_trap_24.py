"""Trap 24: TOFU's .json files are JSON Lines, MUSE's are arrays; retain sets complete forget sets."""

from __future__ import annotations

import json

import pytest

from unlearnkit.testbeds.benchmarks.tofu import read_tofu, retain_of
from unlearnkit.testbeds.files import read_rows


def test_lines_named_json_are_read_where_json_alone_fails(tmp_path):
    path = tmp_path / "forget01.json"
    path.write_text('{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}\n', encoding="utf-8")
    with pytest.raises(json.JSONDecodeError):
        json.loads(path.read_text(encoding="utf-8"))
    assert [row.text("question") for row in read_rows(path)] == ["a", "c"]


def test_an_array_is_one_list_of_rows_where_lines_would_be_one_row(tmp_path):
    path = tmp_path / "forget.json"
    path.write_text('["one", "two"]', encoding="utf-8")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 1
    assert [row.whole_text() for row in read_rows(path)] == ["one", "two"]


def test_real_rows_are_json_lines(reference_data):
    path = reference_data("tofu") / "forget01.json"
    with pytest.raises(json.JSONDecodeError):
        json.loads(path.read_text(encoding="utf-8"))
    assert len(read_rows(path)) == 40


def test_what_is_forgotten_is_told_by_the_file_and_not_by_a_count_of_rows(tmp_path):
    """forget01 is not the first 40 rows of forget10: each forget set is a file of its own."""
    for name, words in {"forget01": "yz", "forget10": "abyz", "retain99": "abcd", "retain90": "cdef"}.items():
        rows = [json.dumps({"question": f"{word}?", "answer": word}) for word in words]
        (tmp_path / f"{name}.json").write_text("\n".join(rows), encoding="utf-8")
    found = {task: read_tofu(tmp_path, task) for task in ("forget01", "forget10")}
    asked = {task: [located.row.answer for located in each.forget] for task, each in found.items()}
    assert asked["forget01"] == ["y", "z"] != asked["forget10"][:2]
    kept = {task: [located.row.answer for located in each.retain] for task, each in found.items()}
    assert kept == {"forget01": [*"abcd"], "forget10": [*"cdef"]}
    assert retain_of("forget01") == "retain99"
