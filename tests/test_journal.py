"""What was written whole is kept, whatever came after it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from unlearnkit.journal import Journal

RECORDS = {"first": {"lr": 1 / 3, "name": "Škoda"}, "second": {"points": [1, 2.5], "none": None}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with two records, in a folder that was not there."""
    place = tmp_path / "lines" / "one.jsonl"
    journal = Journal(place)
    for key, record in RECORDS.items():
        journal.add(key, record)
    return place


def test_another_reader_finds_what_was_added(path: Path) -> None:
    again = Journal(path)
    assert {key: again.get(key) for key in RECORDS} == RECORDS
    assert again.get("third") is None


def test_a_record_is_on_the_disk_at_once(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["first", "second"]


def test_a_journal_that_is_not_there_is_empty_and_reading_makes_none(tmp_path: Path) -> None:
    place = tmp_path / "none.jsonl"
    assert Journal(place).get("first") is None
    assert not place.exists()


def test_a_last_line_torn_anywhere_is_dropped_and_the_rest_kept(path: Path) -> None:
    whole = path.read_bytes()
    torn = json.dumps({"key": "third", "record": {"name": "Škoda"}}, ensure_ascii=False).encode()
    for cut in range(1, len(torn) + 1):  # also in the middle of a letter, and without the last line break
        path.write_bytes(whole + torn[:cut])
        again = Journal(path)
        assert {key: again.get(key) for key in RECORDS} == RECORDS
        assert again.get("third") is None
        assert path.read_bytes() == whole


def test_after_a_torn_line_it_goes_on(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"key": "third", "rec')
    Journal(path).add("third", {"value": 3})
    again = Journal(path)
    assert again.get("third") == {"value": 3}
    assert {key: again.get(key) for key in RECORDS} == RECORDS


def test_only_a_torn_line_is_nothing(tmp_path: Path) -> None:
    place = tmp_path / "torn.jsonl"
    place.write_bytes(b'{"key": "fi')
    assert Journal(place).get("first") is None
    assert place.read_bytes() == b""


@pytest.mark.parametrize("text", ["a\u2028b", "a\x85b", "a\x0bb\x0cc", "a\r\nb", "\x1e"], ids=ascii)
def test_a_text_with_any_line_separator_in_it_is_kept(text: str, tmp_path: Path) -> None:
    place = tmp_path / "one.jsonl"
    Journal(place).add("key", {"text": text})
    assert Journal(place).get("key") == {"text": text}


def test_numbers_come_back_to_the_last_bit(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1e-320, math.inf, 1 / 3]
    Journal(tmp_path / "one.jsonl").add("key", {"values": values})
    assert Journal(tmp_path / "one.jsonl").get("key") == {"values": values}


def test_the_last_record_of_a_key_counts(path: Path) -> None:
    Journal(path).add("first", {"value": "new"})
    assert Journal(path).get("first") == {"value": "new"}


def test_a_record_that_cannot_be_written_leaves_the_journal_as_it_was(path: Path) -> None:
    before, journal = path.read_bytes(), Journal(path)
    with pytest.raises(TypeError):
        journal.add("third", {"value": object()})
    assert path.read_bytes() == before
    assert journal.get("third") is None
