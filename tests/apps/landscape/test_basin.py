"""The basin at a height: its share of the area, and what hangs together with the model."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps.landscape.basin import basin

from .bowls import bowls


def flooded(below) -> set[tuple[int, int]]:
    """Cells reached from the middle one, a side at a time; by hand, without SciPy."""
    rows, columns = below.shape
    reached, edge = set(), [(rows // 2, columns // 2)]
    while edge:
        row, column = edge.pop()
        inside = 0 <= row < rows and 0 <= column < columns
        if inside and below[row, column] and (row, column) not in reached:
            reached.add((row, column))
            edge += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return reached


def test_a_round_bowl_has_the_area_of_its_circle():
    found = basin(bowls(points=201), "forget", 1.25)  # a radius of 0.5, in a square of side 2
    assert found.below == found.around == pytest.approx(np.pi / 16, rel=0.02)
    assert not found.open


def test_a_basin_that_reaches_the_rim_is_open():
    assert not basin(bowls(), "forget", 1.99).open
    assert basin(bowls(), "forget", 2.0).open
    assert basin(bowls(), "retain", 1.5).open  # at the ends of alpha alone


@pytest.mark.parametrize("seed", range(5))
def test_what_is_around_the_model_is_what_a_flood_reaches(seed):
    values = np.random.default_rng(seed).random((21, 21))
    values[10, 10] = 0.0
    found = basin(bowls(values={"forget": values}), "forget", 0.6)
    reached = flooded(values <= 0.6)
    assert found.below == (values <= 0.6).mean()
    assert found.around == len(reached) / values.size
    assert found.open == any({row, column} & {0, 20} for row, column in reached)


def test_another_valley_is_below_and_not_around():
    values = np.full((21, 21), 5.0)
    values[8:13, 8:13] = values[:, 18:] = 1.0
    found = basin(bowls(values={"forget": values}), "forget", 2.0)
    assert (found.below, found.around, found.open) == ((25 + 63) / 441, 25 / 441, False)


def test_nothing_is_around_a_model_that_lies_above():
    found = basin(bowls(), "forget", 0.9)
    assert (found.below, found.around, found.open) == (0.0, 0.0, False)


def test_what_is_not_a_number_lies_above():
    values = bowls().values["forget"].copy()
    values[0] = np.nan
    values[1] = np.inf
    assert basin(bowls(values={"forget": values}), "forget", 100.0).below == 19 / 21
