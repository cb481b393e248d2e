"""Where the cells of a surface stand: evenly, one on the loss's own model, and as far as the others lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from unlearnkit.flatness.directions import Plane
from unlearnkit.flatness.trajectory import Trajectory

Array = npt.NDArray[np.float64]
Place = tuple[float, float]


def axes(
    chosen: Plane, points: int, span: float, trajectories: Iterable[Trajectory] = ()
) -> tuple[Array, Array]:
    """A symmetric grid with an exact 0 in the middle; with marks, one that reaches as far beyond them.

    Trajectories widen it only where they leave it, so that within it the cells are those without them.
    """
    plain = _plain(chosen, points, span)
    ways = [place for way in trajectories for place in zip(way.alphas, way.betas, strict=True)]
    if all(_inside(place, plain) for place in ways):
        return plain
    return _around([*_marks(chosen), *ways], points, span)


def _plain(chosen: Plane, points: int, span: float) -> tuple[Array, Array]:
    if chosen.marks:
        return _around(_marks(chosen), points, span)
    half = np.arange(-(points // 2), points // 2 + 1) / (points // 2)
    return half * span, half * span


def _marks(chosen: Plane) -> list[Place]:
    return [(0.0, 0.0), *chosen.marks.values()]


def _inside(place: Place, grid: tuple[Array, Array]) -> bool:
    """Whether the nearest cell is the one in which a place lies; a cell reaches half a step around."""
    return all(
        abs(where - (axis[0] + axis[-1]) / 2) <= (axis[-1] - axis[0] + axis[1] - axis[0]) / 2
        for where, axis in zip(place, grid, strict=True)
    )


def _around(places: Sequence[Place], points: int, span: float) -> tuple[Array, Array]:
    first, second = (_axis([place[axis] for place in places], points, span) for axis in (0, 1))
    return first, second


def _axis(marks: list[float], points: int, span: float) -> Array:
    """Evenly from a span below the marks to a span above; 0 is a cell, and 1 if there are enough of them."""
    low, high = min(marks) - span, max(marks) + span
    cells_to_one = (points - 1) / (high - low)
    cells_to_one = math.floor(cells_to_one) if cells_to_one >= 1 else cells_to_one
    spare = points - 1 - (high - low) * cells_to_one
    before = round(-low * cells_to_one + spare / 2)
    return np.arange(-before, points - before) / cells_to_one
