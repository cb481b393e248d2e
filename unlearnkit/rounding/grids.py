"""Grids: the few values that weights may take, and which of them is nearest.

A grid serves many groups of weights at once: weights, codes and values are (groups, members), and every
group has a grid of its own. A grid is fitted to the weights that it then rounds, and to no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class Grid(Protocol):
    """What rounding needs to know of a grid."""

    def codes(self, values: torch.Tensor) -> torch.Tensor:
        """The place of the nearest grid point of each value: whole numbers, one apart for neighbours."""

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """The values of grid points, in float32."""

    def half_gaps(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Half the distance to the grid point below, and to the one above; 0 or more."""

    def defines(self, rounded: torch.Tensor) -> torch.Tensor:
        """Which of the rounded values fix the grid: move one of these, and every other bin moves."""


@dataclass(frozen=True)
class SymmetricGrid:
    """Multiples of a step; a group's largest magnitude lies on the last one.

    Attributes
    ----------
    scale : Tensor (groups, 1)
        The step; 1 for a group of zeros.
    levels : int
        Steps to each side of zero.
    """

    scale: torch.Tensor
    levels: int

    @classmethod
    def fit(cls, values: torch.Tensor, bits: int) -> SymmetricGrid:
        """2^(bits-1) - 1 steps to each side: at 2 bits -1, 0 and 1."""
        levels = 2 ** (bits - 1) - 1
        return cls(_nonzero(values.abs().amax(dim=1, keepdim=True) / levels), levels)

    def codes(self, values: torch.Tensor) -> torch.Tensor:
        """Steps from zero, halves to even."""
        return (values / self.scale).round().clamp(-self.levels, self.levels)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Steps times their size."""
        return codes * self.scale

    def half_gaps(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Half a step to both sides."""
        half = (self.scale / 2).expand_as(codes)
        return half, half

    def defines(self, rounded: torch.Tensor) -> torch.Tensor:
        """The largest magnitudes of a group."""
        return _is_largest(rounded.abs())


@dataclass(frozen=True)
class AsymmetricGrid:
    """Multiples of a step, from a group's smallest weight to its largest.

    Zero counts among the weights, so that it is always on the grid and a group of positive weights begins
    there; the zero point is an integer. Both as in torch.ao's MinMaxObserver and GPTQ (2210.17323).

    Attributes
    ----------
    scale : Tensor (groups, 1)
        The step; 1 for a group of zeros.
    low, high : Tensor (groups, 1)
        The smallest and the largest weight, 0 included: 0 or below, and 0 or above.
    levels : int
        Steps from one end to the other.
    """

    scale: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    levels: int

    @classmethod
    def fit(cls, values: torch.Tensor, bits: int) -> AsymmetricGrid:
        """2^bits values a group."""
        low = values.amin(dim=1, keepdim=True).clamp(max=0)
        high = values.amax(dim=1, keepdim=True).clamp(min=0)
        levels = 2**bits - 1
        return cls(_nonzero((high - low) / levels), low, high, levels)

    def codes(self, values: torch.Tensor) -> torch.Tensor:
        """Steps from zero, halves to even: the stored code less the zero point."""
        lowest = (self.low / self.scale).round()
        highest = lowest + self.levels
        nearest = (values / self.scale).round().maximum(lowest).minimum(highest)
        # When the ends lie at -7.5 and 7.5 steps, the last bit of a division could give the upper end code
        # 7 or 8 of 8; at 7 the rounded range would be a step short, and rounded again it would move.
        return torch.where((values == self.high) & (values > 0), highest, nearest)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Steps times their size."""
        return codes * self.scale

    def half_gaps(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Half a step to both sides."""
        half = (self.scale / 2).expand_as(codes)
        return half, half

    def defines(self, rounded: torch.Tensor) -> torch.Tensor:
        """The smallest and the largest of a group; zero, where no other sign is there."""
        low = rounded.amin(dim=1, keepdim=True).clamp(max=0)
        high = rounded.amax(dim=1, keepdim=True).clamp(min=0)
        return (rounded == low) | (rounded == high)


@dataclass(frozen=True)
class CodebookGrid:
    """A fixed list of values between -1 and 1, times a group's largest magnitude.

    Attributes
    ----------
    absmax : Tensor (groups, 1)
    points : Tensor (values,)
        Sorted, -1 and 1 at its ends.
    """

    absmax: torch.Tensor
    points: torch.Tensor

    @classmethod
    def fit(cls, values: torch.Tensor, points: tuple[float, ...]) -> CodebookGrid:
        """The same points for every group."""
        listed = torch.tensor(points, dtype=torch.float32, device=values.device)
        return cls(values.abs().amax(dim=1, keepdim=True), listed)

    def codes(self, values: torch.Tensor) -> torch.Tensor:
        """The place in the sorted list; a value midway goes to the lower point."""
        # Times the inverse, not divided: so the library's kernels do it, and last bits decide ties.
        shares = values * (1.0 / self.absmax.clamp(min=1e-38))
        midpoints = (self.points[:-1] + self.points[1:]) / 2
        return torch.bucketize(shares.contiguous(), midpoints)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Point times largest magnitude."""
        return self.points[codes] * self.absmax

    def half_gaps(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Half the distance to each neighbour in the list; 0 beyond its ends."""
        gaps = torch.nn.functional.pad(self.points.diff() / 2, (1, 1))
        return gaps[codes] * self.absmax, gaps[codes + 1] * self.absmax

    def defines(self, rounded: torch.Tensor) -> torch.Tensor:
        """The largest magnitudes of a group."""
        return _is_largest(rounded.abs())


def _nonzero(scale: torch.Tensor) -> torch.Tensor:
    """The step of a group of zeros is 1, so that nothing is divided by 0."""
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def _is_largest(magnitudes: torch.Tensor) -> torch.Tensor:
    return magnitudes == magnitudes.amax(dim=1, keepdim=True)
