"""Do two numbers rise together within folds? Spearman's correlation, its interval and a permutation test."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearnkit.errors import BadInput

FEWEST = 5  # units, below which no correlation is told
RESAMPLES = 4000
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """How far two numbers go along with each other within folds.

    Attributes
    ----------
    rho : float
        -1 to 1; NaN where fewer than 5 units are there, or one number is the same for all.
    low, high : float
        95 % interval: percentiles over resamples of units within folds. With so few units it is rough.
    p : float
        Share of permutations within folds whose modulus is as large; two-sided.
    n : int
        Units.
    """

    rho: float
    low: float
    high: float
    p: float
    n: int

    def text(self) -> str:
        """In words."""
        if math.isnan(self.rho):
            return f"not told (n = {self.n})"
        return f"{self.rho:+.2f} [{self.low:+.2f}, {self.high:+.2f}], p = {self.p:.2g}, n = {self.n}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not told is None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}

    def __str__(self) -> str:
        return self.text()


def within_folds(
    first: Iterable[float], second: Iterable[float], folds: Iterable[Any], *, seed: int = 0
) -> RankCorrelation:
    """Spearman's rank correlation of two numbers, folds apart.

    In every fold both are ranked, ties by their mean rank, and the mean rank of the fold is taken off; the
    correlation of these over all folds is rho. So what differs between folds alone adds nothing. With one
    fold it is Spearman's.

    Parameters
    ----------
    first, second : iterable of float, (units,)
    folds : iterable, (units,)
        Which fold each unit is of.
    seed : int
        Of the resamples and permutations.

    Returns
    -------
    RankCorrelation

    Raises
    ------
    BadInput
        For unequal lengths, or what is not a finite number.

    References
    ----------
    Spearman 1904, "The proof and measurement of association between two things".

    Examples
    --------
    >>> found = within_folds([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5], ["a"] * 6)
    >>> round(found.rho, 2), found.low < found.rho < found.high
    (0.83, True)
    """
    a, b, groups = _checked(first, second, folds)
    rho = _rho(a, b, groups)
    if len(a) < FEWEST or math.isnan(rho):
        return RankCorrelation(math.nan, math.nan, math.nan, math.nan, len(a))
    source = np.random.default_rng([abs(int(seed)), int(seed < 0)])
    drawn = [source.choice(g, (RESAMPLES, len(g))) for g in groups]
    resampled = _correlations([(a[taken], b[taken]) for taken in drawn])
    low, high = np.nanquantile(resampled, (0.025, 0.975))
    orders = [source.permuted(np.tile(g, (RESAMPLES, 1)), axis=1) for g in groups]
    permuted = _correlations([(a[None, g], b[order]) for g, order in zip(groups, orders, strict=True)])
    p = (1 + int((np.abs(permuted) >= abs(rho) - 1e-9).sum())) / (1 + RESAMPLES)
    return RankCorrelation(rho, float(low), float(high), p, len(a))


def rho_within_folds(first: Iterable[float], second: Iterable[float], folds: Iterable[Any]) -> float:
    """`within_folds`, without interval and test: rho alone; NaN for fewer than 5 units.

    Examples
    --------
    >>> rho_within_folds([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], ["a"] * 5)
    -1.0
    """
    a, b, groups = _checked(first, second, folds)
    return _rho(a, b, groups) if len(a) >= FEWEST else math.nan


def partial(rho: float, beside_first: float, beside_second: float) -> float:
    """The correlation of two numbers that is left when a third is held fixed.

    (r12 - r13 r23) / sqrt((1 - r13^2) (1 - r23^2)); NaN where the third tells one of them entirely.

    Parameters
    ----------
    rho, beside_first, beside_second : float
        Of first and second, first and third, second and third.

    Examples
    --------
    >>> round(partial(0.6, 0.5, 0.5), 3)
    0.467
    """
    left = (1 - beside_first**2) * (1 - beside_second**2)
    return (rho - beside_first * beside_second) / math.sqrt(left) if left > 1e-12 else math.nan


def _checked(first: Any, second: Any, folds: Any) -> tuple[Numbers, Numbers, list[NDArray[np.intp]]]:
    a, b = (np.asarray(list(values), dtype=float) for values in (first, second))
    named = list(folds)
    if not len(a) == len(b) == len(named):
        raise BadInput(
            f"first, second and folds must be of one length, not {len(a)}, {len(b)} and {len(named)}"
        )
    for name, values in (("first", a), ("second", b)):
        if not np.isfinite(values).all():
            raise BadInput(
                f"{name}: it holds what is not a finite number, which has no rank; leave the unit out"
            )
    groups = [np.flatnonzero([one == name for one in named]) for name in dict.fromkeys(named)]
    return a, b, groups


def _rho(a: Numbers, b: Numbers, groups: Sequence[NDArray[np.intp]]) -> float:
    return float(_correlations([(a[None, g], b[None, g]) for g in groups])[0]) if groups else math.nan


def _correlations(folds: Sequence[tuple[Numbers, Numbers]]) -> Numbers:
    """Of many draws at once: for each fold two arrays, (draws, units); NaN where nothing varies."""
    ranked = [(_centred_ranks(a), _centred_ranks(b)) for a, b in folds]
    xx, yy, xy = (
        sum((one * other).sum(axis=1) for one, other in pairs)
        for pairs in ([(x, x) for x, _ in ranked], [(y, y) for _, y in ranked], ranked)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Numbers = xy / np.sqrt(xx * yy)
    return found


def _centred_ranks(values: Numbers) -> Numbers:
    """Ranks in each row less their mean, ties by their mean rank: half of how many lie below less above."""
    found: Numbers = np.sign(values[:, :, None] - values[:, None, :]).sum(axis=2) / 2
    return found
