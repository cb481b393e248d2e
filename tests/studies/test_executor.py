"""Parallel work comes back in order, whatever finished first, and an error stops it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.files import CannotWrite
from unlearnkit.studies.executor import Failed, run_all, worker_count

kills = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")


def test_results_come_in_the_order_of_the_items() -> None:
    items = [0.2, 0.0, 0.1]
    assert run_all(_sleep, items, workers=1, progress=False) == [{"slept": s} for s in items]


def test_an_error_of_one_cell_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        run_all(_divide, [1, 0], workers=1, progress=False)


def test_a_failure_that_is_kept_stops_nothing() -> None:
    found = run_all(_divide, [1, 0, 2], workers=1, progress=False, keep_failures=True)
    assert found == [
        {"quotient": 1.0}, Failed("0", "ZeroDivisionError: division by zero"), {"quotient": 0.5},
    ]  # fmt: skip


def test_a_full_disk_ends_it_even_where_failures_are_kept() -> None:
    with pytest.raises(CannotWrite, match="full"):
        run_all(_cannot_write, [1, 2], workers=1, progress=False, keep_failures=True)


@kills
def test_a_cell_that_dies_costs_no_other_its_result(tmp_path: Path) -> None:
    """One kills its process the first time, one always, one only fails."""
    places = [tmp_path / name for name in ("well", "dies once", "fails", "always dies", "well too")]
    found = run_all(
        _fare, places, workers=2, progress=False, keep_failures=True, label=lambda place: place.name
    )
    assert [found[n] for n in (0, 1, 4)] == [{"name": places[n].name} for n in (0, 1, 4)]
    assert places[1].read_text() == "died"
    assert found[2] == Failed("fails", "ZeroDivisionError: division by zero")
    assert found[3].label == "always dies"
    assert "WorkerDied: a worker process died, twice, in always dies" in found[3].error
    assert "--workers 1" in found[3].error


@pytest.mark.parametrize(("asked", "cells", "expected"), [(8, 3, 3), (1, 9, 1), (2, 9, 2)])
def test_never_more_workers_than_cells(asked: int, cells: int, expected: int) -> None:
    assert worker_count(asked, cells) == expected


@pytest.mark.parametrize("asked", [0, -1, True])
def test_nonsense_numbers_of_workers_are_refused(asked: Any) -> None:
    with pytest.raises(BadInput, match="workers"):
        worker_count(asked, 3)


def _sleep(seconds: float) -> dict[str, Any]:
    time.sleep(seconds)
    return {"slept": seconds}


def _divide(number: int) -> dict[str, Any]:
    return {"quotient": 1 / number}


def _cannot_write(_: int) -> dict[str, Any]:
    raise CannotWrite("the disk is full")


def _fare(place: Path) -> dict[str, Any]:
    """What the name of the place says."""
    if place.name == "always dies" or (place.name == "dies once" and not place.exists()):
        place.write_text("died")
        os.kill(os.getpid(), signal.SIGKILL)
    if place.name == "fails":
        _divide(0)
    return {"name": place.name}
