"""Parallel work comes back in order, whatever finished first, and an error stops it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.studies.executor import run_all, worker_count


def test_results_come_in_the_order_of_the_items() -> None:
    items = [0.2, 0.0, 0.1]
    assert run_all(_sleep, items, workers=1, progress=False) == [{"slept": s} for s in items]


def test_an_error_of_one_cell_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        run_all(_divide, [1, 0], workers=1, progress=False)


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
