"""What rounding leaves of a loss difference, and of a step.

A loss of 3 in float32 comes in units of 2.4e-7. A difference of two such losses carries the rounding of both
passes: a few units at the least, more through many layers. Below some hundred units it says little of the
slope. In half precision weights themselves come in coarse units: a small step rounds away.
"""

from __future__ import annotations

import math

import torch

ENOUGH = 100  # units in the last place of the loss; below, a step warns


class LostInRounding(UserWarning):
    """What a step looks at, or the step itself, is about as small as the rounding of its numbers."""


def units_in_the_last_place(one: float, other: float, dtype: torch.dtype) -> float:
    """How far apart two numbers of this dtype are, in the spacing of that dtype at the larger one.

    Examples
    --------
    >>> import torch
    >>> units_in_the_last_place(3.0, 3.0 + 5 * 2**-22, torch.float32)
    5.0
    """
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.nan
    if not dtype.is_floating_point:
        return abs(one - other)
    numbers = torch.finfo(dtype)
    larger = max(abs(one), abs(other), numbers.tiny)
    return abs(one - other) / (numbers.eps * 2.0 ** (math.frexp(larger)[1] - 1))


def root_mean_square(differences: list[float]) -> float:
    """Of differences in units; nan where there is none, or one is no number."""
    return math.sqrt(sum(d * d for d in differences) / len(differences)) if differences else math.nan


class RoundedAway:
    """Counts the weights that should have moved, and those of them that rounding left where they were."""

    def __init__(self) -> None:
        self.counts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, before: torch.Tensor, after: torch.Tensor, wanted: torch.Tensor) -> None:
        """Count one tensor; `wanted` is true where a change was meant."""
        self.counts.append((wanted.sum(), (wanted & (before == after)).sum()))

    @property
    def share(self) -> float:
        """Of the weights that should have moved; 0.0 if there was none."""
        meant = sum(int(wanted) for wanted, _ in self.counts)
        return sum(int(lost) for _, lost in self.counts) / meant if meant else 0.0
