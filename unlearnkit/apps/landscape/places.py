"""Where the sliders can stand: radii around the model, ceilings, and heights of the slice."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from unlearnkit.flatness import Surface

Array = npt.NDArray[np.float64]
MOST_RADII = 25
CEILINGS = np.linspace(0.5, 0.975, 20)  # of the values, in order of size: what lies higher is cut off
HEIGHTS = np.linspace(0.02, 0.98, 33)


def radii(surface: Surface) -> list[float]:
    """Distances from the model at which cells lie, ascending; at most 25 of them, the widest among them.

    Examples
    --------
    >>> axis = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    >>> radii(Surface(axis, axis, {"loss": np.zeros((5, 5))}, "", {}))
    [0.5, 1.0]
    """
    distances = np.unique(np.abs(np.concatenate([surface.alphas, surface.betas])).round(9))
    distances = distances[distances > 0]
    picked = np.linspace(len(distances) - 1, 0, min(MOST_RADII, len(distances)))[::-1].round().astype(int)
    return [float(value) for value in distances[picked]]


def around(axis: Array, radius: float) -> slice:
    """The part of an axis within a radius of the model, and a cell on either side of it at least."""
    middle = int(np.abs(axis).argmin())
    inside = np.flatnonzero(np.abs(axis) <= radius * (1 + 1e-6))
    low, high = (int(inside[0]), int(inside[-1])) if len(inside) else (middle, middle)
    return slice(max(min(low, middle - 1), 0), max(high, middle + 1) + 1)


def cropped(surface: Surface, names: Iterable[str], radius: float) -> Surface:
    """Some losses of a surface within a radius, with the marks that lie there, and no trajectory."""
    columns, rows = around(surface.alphas, radius), around(surface.betas, radius)
    alphas, betas = surface.alphas[columns], surface.betas[rows]
    values = {name: surface.values[name][rows, columns] for name in names}
    marks = {
        name: place for name, place in surface.marks.items()
        if within(alphas, place[0]) and within(betas, place[1])
    }  # fmt: skip
    return Surface(alphas, betas, values, surface.words, marks, surface.curvatures)


def within(axis: Array, value: float) -> bool:
    """Whether a place lies on an axis, up to rounding."""
    slack = 1e-9 * float(axis[-1] - axis[0])
    return bool(axis[0] - slack <= value <= axis[-1] + slack)


def finite_values(surface: Surface, names: Iterable[str]) -> Array:
    """Every finite value of some losses, ascending."""
    every = np.concatenate([surface.values[name].ravel() for name in names])
    return np.sort(every[np.isfinite(every)])


def ceilings(surface: Surface, names: Iterable[str]) -> list[float | None]:
    """Heights to cut the drawing off at, ascending; the last is None, for no ceiling."""
    every = finite_values(surface, names)
    return [*(rung for rung in _ladder(every, CEILINGS, digits=3) if rung > 0), None]


def heights(surface: Surface, names: Iterable[str]) -> list[float]:
    """Heights to slice at: each step takes in about as many cells more."""
    every = finite_values(surface, names)
    return _ladder(every, HEIGHTS, digits=4) or [float(every[0])]


def _ladder(every: Array, shares: Array, *, digits: int) -> list[float]:
    """Values at some shares, rounded so that they are what a label says, strictly within the range."""
    rungs = {float(f"{value:.{digits}g}") for value in np.quantile(every, shares)}
    return sorted(rung for rung in rungs if every[0] < rung < every[-1])
