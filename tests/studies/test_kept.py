"""A cell that was done once is not done again, and what is kept is whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from unlearnkit.studies.kept import Kept


@dataclass(frozen=True)
class One:
    """A cell that is described by one value."""

    value: Any

    def describe(self) -> dict[str, Any]:
        return {"value": self.value}


class Other(One):
    """Another kind of cell with the same description."""


class Counted:
    """Work that counts how often it was done."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def __call__(self, cell: One) -> dict[str, Any]:
        self.done.append(cell.value)
        return {"twice": 2 * cell.value, "name": "Škoda"}


def test_a_cell_is_done_once(tmp_path: Path) -> None:
    work = Counted()
    kept = Kept(work, tmp_path / "cells")
    assert [kept(One(1)), kept(One(2)), kept(One(1))] == [
        {"twice": value, "name": "Škoda"} for value in (2, 4, 2)
    ]
    assert work.done == [1, 2]


def test_another_process_finds_it(tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    result = Kept(first, tmp_path)(One(0.1))
    assert Kept(second, tmp_path)(One(0.1)) == result
    assert second.done == []


def test_a_file_holds_the_result_and_nothing_else_is_there(tmp_path: Path) -> None:
    kept = Kept(Counted(), tmp_path)
    result = kept(One(3))
    (place,) = tmp_path.iterdir()
    assert place.name == f"{kept.key(One(3))}.json"
    assert json.loads(place.read_text(encoding="utf-8")) == result


def test_whatever_describes_a_cell_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept = Kept(Counted(), tmp_path)
    keys = {kept.key(cell) for cell in (One(1), One(2), One("1"), Other(1), One([1]))}
    assert len(keys) == 5
    monkeypatch.setattr("unlearnkit.studies.kept.RESULTS_VERSION", 10**6)
    assert kept.key(One(1)) not in keys


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    def fail(cell: One) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Kept(fail, tmp_path / "cells")(One(1))
    work = Counted()
    Kept(work, tmp_path / "cells")(One(1))
    assert work.done == [1]


def test_a_result_broken_off_while_it_was_written_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", _interrupt)  # between the draft and the whole
        with pytest.raises(KeyboardInterrupt):
            Kept(Counted(), tmp_path)(One(1))
    assert not list(tmp_path.glob("[!.]*.json"))
    work = Counted()
    assert Kept(work, tmp_path)(One(1))["twice"] == 2
    assert work.done == [1]


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
