"""A path laid on a surface: between two models it follows the ground, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RegularGridInterpolator

from unlearnkit.flatness import Surface, Trajectory

Array = npt.NDArray[np.float64]
MOST_BETWEEN = 200  # points between two models
SLACK = 1e-9  # of a cell: rounding


@dataclass(frozen=True, eq=False)
class Drape:
    """A line on the ground; not a number where it lies outside of what is shown.

    Attributes
    ----------
    alphas, betas, heights : array (points,)
    models : array (points,) of bool
        Which points are models of the path; the others lie between.
    labels : list of str
        The models' labels, empty between.
    """

    alphas: Array
    betas: Array
    heights: Array
    models: npt.NDArray[np.bool_]
    labels: list[str]


def drape(surface: Surface, name: str, way: Trajectory, *, top: float) -> Drape:
    """Lay a path on the surface of a loss, cut off at a ceiling."""
    places = np.column_stack([way.alphas, way.betas]).reshape(-1, 2)
    cell = np.array([np.diff(surface.alphas).min(), np.diff(surface.betas).min()])
    pieces, models, labels = [], [], []
    for at, place in enumerate(places):
        before = places[at - 1] if at else place
        count = int(min(np.ceil(np.abs((place - before) / cell).max() - SLACK), MOST_BETWEEN)) or 1
        shares = np.arange(1, count + 1)[:, None] / count
        pieces.append(before + shares * (place - before))
        models += [False] * (count - 1) + [True]
        labels += [""] * (count - 1) + [way.labels[at]]
    points = _off_the_edge(np.concatenate(pieces) if pieces else places, surface, SLACK * cell)
    heights = _ground(surface, name, top)(points[:, ::-1])
    points[np.isnan(heights)] = np.nan
    return Drape(points[:, 0], points[:, 1], heights, np.array(models, dtype=bool), labels)


def _off_the_edge(points: Array, surface: Surface, slack: Array) -> Array:
    """The same points, those beyond the rim by no more than rounding moved onto it."""
    low, high = (np.array([surface.alphas[end], surface.betas[end]]) for end in (0, -1))
    onto = np.clip(points, low, high)
    return np.where(np.abs(points - onto) <= slack, onto, points)


def _ground(surface: Surface, name: str, top: float) -> RegularGridInterpolator:
    grid = surface.values[name]
    clipped = np.minimum(np.where(np.isnan(grid), np.inf, grid), top)
    axes = (surface.betas, surface.alphas)
    return RegularGridInterpolator(axes, clipped, bounds_error=False, fill_value=np.nan)
