"""Rows are the same rows whatever they are written in, and a big file is read a line at a time."""

from __future__ import annotations

import builtins
import json
import tracemalloc
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.files import folder, reading
from unlearnkit.testbeds.files.folder import files_of, names_like, rows_of
from unlearnkit.testbeds.files.reading import read_rows

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ROWS = [
    {"question": f"Was {i} schön?", "answer": "ja\u2028\u0085nein", "list": ["a", "b"], "n": i}
    for i in range(5)
]


def test_whatever_the_ending_says(tmp_path, write_lines, write_array, write_parquet):
    written = [
        write(tmp_path / f"{number}.{ending}", ROWS)
        for number, write in enumerate([write_lines, write_array])
        for ending in ("json", "jsonl", "txt")
    ]
    written += [write_parquet(tmp_path / "a.parquet", ROWS), write_parquet(tmp_path / "b.json", ROWS)]
    for path in written:
        rows = read_rows(path)
        assert [row.value for row in rows] == ROWS
        assert [row.number for row in rows] == [1, 2, 3, 4, 5]
        assert rows[2].place == f"{path}, row 3"


@given(rows=st.lists(st.one_of(words, st.dictionaries(words, st.one_of(words, st.none(), st.integers())))))
def test_arrays_and_lines_are_read_as_json_reads_them(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.json"
    layouts = [json.dumps(rows), json.dumps(rows, indent=1, ensure_ascii=False)]
    layouts += ["\r\n".join(map(json.dumps, rows))] if rows and not isinstance(rows[0], str) else []
    for text in layouts:
        path.write_bytes(text.encode())
        if rows:
            assert [row.value for row in read_rows(path)] == rows
        else:
            with pytest.raises(BadInput, match="holds no row"):
                read_rows(path)


def test_a_big_file_is_not_read_whole(tmp_path):
    path = tmp_path / "forget01.json"
    with path.open("w", encoding="utf-8") as file:
        file.write('{"question": 1}\n{"question":\n')
        file.writelines(['{"question": "' + "a" * 1000 + '"}\n'] * 20_000)
    tracemalloc.start()
    with pytest.raises(BadInput, match="row 2: is no JSON"):
        read_rows(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 20_000_000
    assert peak < 2_000_000


def test_a_huge_line_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "forget01.json"
    with path.open("wb") as file:
        file.write(b'{"question": "a"}\n{"question": "')
        file.truncate(reading.LONGEST_LINE + 100)  # zeros, and a hole on most disks
    with pytest.raises(BadInput, match=r"row 2: is longer than 33,554,432 bytes; split it"):
        read_rows(path)


def test_a_huge_array_is_refused(tmp_path, monkeypatch, write_array):
    path = write_array(tmp_path / "forget.json", ["text"] * 20)
    monkeypatch.setattr(reading, "LARGEST_ARRAY", path.stat().st_size)
    assert len(read_rows(path)) == 20
    monkeypatch.setattr(reading, "LARGEST_ARRAY", path.stat().st_size - 1)
    with pytest.raises(BadInput, match=r"an array of more than .* write it as JSON Lines"):
        read_rows(path)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch, write_lines):
    path = write_lines(tmp_path / "forget01.json", ROWS)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MissingReference, match=r"forget01.json: cannot be read \(Permission denied\)"):
        read_rows(path)
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(MissingReference, match=r"cannot be looked into \(Permission denied\)"):
        names_like(tmp_path, "forget")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingReference, match=r"none.json: there is no such file"):
        read_rows(tmp_path / "none.json")


def test_parquet_without_its_reader_says_what_to_install(tmp_path, write_parquet, monkeypatch):
    path = write_parquet(tmp_path / "forget.parquet", ROWS)
    real = builtins.__import__

    def lacking(name, *args, **more):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(MissingReference, match=r"pip install 'unlearnkit\[parquet\]'"):
        read_rows(path)


def test_a_date_in_parquet_is_no_text(tmp_path, write_parquet):
    table = [{"question": pyarrow.scalar(0, pyarrow.timestamp("s")).as_py()}]
    (row,) = read_rows(write_parquet(tmp_path / "forget.parquet", table))
    with pytest.raises(BadInput, match='field "question": must be text, not a datetime'):
        row.text("question")


def test_shards_are_read_in_order(tmp_path, write_parquet):
    for number in (1, 0):
        write_parquet(tmp_path / f"forget-0000{number}-of-00002.parquet", [{"n": number}])
    assert [row.value["n"] for row in rows_of(tmp_path, "forget")] == [0, 1]
    assert names_like(tmp_path, "forget") == ["forget"]


def test_two_forms_of_a_part_and_two_splits_are_refused(tmp_path, write_lines, write_parquet):
    for split in ("train", "dev"):
        write_parquet(tmp_path / f"mmlu/{split}-00000-of-00001.parquet", ROWS)
    with pytest.raises(BadInput, match="holds the splits dev, train"):
        files_of(tmp_path, "mmlu")
    for ending in ("json", "jsonl"):
        write_lines(tmp_path / f"forget.{ending}", ROWS)
    with pytest.raises(BadInput, match=r"forget.json and .*forget.jsonl: both hold 'forget'"):
        files_of(tmp_path, "forget")


def test_a_message_shows_a_few_names_of_a_folder(tmp_path, write_lines):
    for number in range(12):
        write_lines(tmp_path / f"{number:02}.json", ROWS)
    assert folder.contents(tmp_path).endswith("07.json and 4 more")
