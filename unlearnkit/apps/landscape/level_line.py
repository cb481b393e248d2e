"""The line at a height on a landscape: browsers draw plotly's own contours there hair-thin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unlearnkit.flatness import Surface

Array = npt.NDArray[np.float64]


def level_line(surface: Surface, name: str, height: float) -> tuple[Array, Array]:
    """Where a loss crosses a height: alphas and betas of pieces of line, each piece followed by a NaN.

    Every square of cells is cut into two triangles; in a triangle whose corners lie on both sides, one stands
    alone, and the line leads from one of its sides to the other, straight.

    Examples
    --------
    >>> axis = np.array([0.0, 1.0])
    >>> slope = Surface(axis, axis, {"loss": np.array([[0.0, 1.0], [0.0, 1.0]])}, "", {})
    >>> sorted(set(level_line(slope, "loss", 0.25)[0][[0, 1, 3, 4]].tolist()))
    [0.25]
    """
    rise = surface.values[name] - height
    known = rise[np.isfinite(rise)]
    rise = np.where(np.isfinite(rise), rise, max(float(known.max()), 0.0) + 1.0).ravel()
    corners = _triangles(len(surface.betas), len(surface.alphas))
    above = rise[corners] > 0
    crossed = np.flatnonzero(above.any(axis=1) & ~above.all(axis=1))
    corners, above = corners[crossed], above[crossed]
    lone = np.argmax(above == (above.sum(axis=1) == 1)[:, None], axis=1)
    every = np.arange(len(corners))
    first, *others = (corners[every, (lone + turn) % 3] for turn in range(3))
    betas, alphas = (axis.ravel() for axis in np.meshgrid(surface.betas, surface.alphas, indexing="ij"))
    ends = np.full((2, len(corners), 3), np.nan)
    for end, other in enumerate(others):
        share = rise[first] / (rise[first] - rise[other])
        for at, axis in enumerate((alphas, betas)):
            ends[at, :, end] = axis[first] + share * (axis[other] - axis[first])
    return ends[0].ravel(), ends[1].ravel()


def _triangles(rows: int, columns: int) -> npt.NDArray[np.int64]:
    """The corners of every triangle, as places in the flattened grid."""
    places = np.arange(rows * columns).reshape(rows, columns)
    here, right, up, over = places[:-1, :-1], places[:-1, 1:], places[1:, :-1], places[1:, 1:]
    return np.concatenate([
        np.stack([here, right, over], axis=-1).reshape(-1, 3),
        np.stack([here, over, up], axis=-1).reshape(-1, 3),
    ])  # fmt: skip
