"""The basin at a height: which cells lie below it, and which of them hang together with the model's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from unlearnkit.flatness import Surface


@dataclass(frozen=True)
class Basin:
    """Of one loss, at one height, within what is shown.

    Attributes
    ----------
    below : float
        The share of cells that lie at the height or below; cells are evenly spaced, so it is a share of area.
    around : float
        The share of cells that can be reached from the model's without rising above the height, from side to
        side of cells; 0 where the model itself lies above.
    open : bool
        Whether those reach the rim: the basin then goes on outside, and its size is not known.
    """

    below: float
    around: float
    open: bool


def basin(surface: Surface, name: str, height: float) -> Basin:
    """The basin of a loss; a value that is not a number counts as above.

    Examples
    --------
    >>> axis = np.array([-1.0, 0.0, 1.0])
    >>> bowl = Surface(axis, axis, {"loss": axis[None] ** 2 + axis[:, None] ** 2}, "", {})
    >>> basin(bowl, "loss", 1.0)
    Basin(below=0.5..., around=0.5..., open=True)
    """
    below = surface.values[name] <= height
    parts, _ = label(below)
    middle = parts[int(np.abs(surface.betas).argmin()), int(np.abs(surface.alphas).argmin())]
    own = (parts == middle) & (middle > 0)
    rim = own[0].any() or own[-1].any() or own[:, 0].any() or own[:, -1].any()
    return Basin(float(below.mean()), float(own.mean()), bool(rim))
