"""Confidence intervals over few units: folds, or folds crossed with seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unlearnkit.errors import BadInput, require_fraction

CONFIDENCE = 0.95
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval, in the unit of the values.

    Attributes
    ----------
    mean, low, high : float
        `low` and `high` are NaN where nothing can be said about the spread (`n` below 2).
    n : int
        Independent units behind it: values of `t_interval`; for `two_way_interval` the smaller of folds
        and seeds, which is what limits it.
    confidence : float
        How often such intervals hold the true mean, 0 to 1.

    Examples
    --------
    >>> print(Interval(0.5, 0.2, 0.8, n=4))
    +0.50 [+0.20, +0.80]
    >>> Interval(0.5, 0.2, 0.8, n=4).excludes(0.0)
    True
    """

    mean: float
    low: float
    high: float
    n: int
    confidence: float = CONFIDENCE

    def excludes(self, value: float) -> bool:
        """Whether the value lies outside. An interval without bounds, or without width, excludes nothing."""
        return self.low < self.high and not self.low <= value <= self.high

    def text(self, form: str = "+z.2f") -> str:
        """Mean and bounds in words; says so where there are none, and where all values were the same.

        Parameters
        ----------
        form : str
            A format for one number, such as ".2f" or ".0%"; its z takes the sign off a zero.
        """
        if not self.n:
            return "no value"
        if math.isnan(self.low):
            return f"{self.mean:{form}} (one value: no interval)"
        if self.low == self.high:
            return f"{self.mean:{form}} (all {self.n} the same: no interval)"
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"

    def cell(self, form: str = "+z.2f") -> str:
        """For the cells of a table: as `text`, but a value without an interval stands alone."""
        return self.text(form) if self.low < self.high else f"{self.mean:{form}}" if self.n else "–"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; bounds that are not there are None."""
        numbers = {name: getattr(self, name) for name in ("mean", "low", "high")}
        plain = {name: None if math.isnan(value) else value for name, value in numbers.items()}
        return {**plain, "n": self.n, "confidence": self.confidence}

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<b>{self.text()}</b> ({self.confidence:.0%} interval, n = {self.n})"


NOTHING = Interval(math.nan, math.nan, math.nan, n=0)


def t_interval(values: Iterable[float], confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval for the mean of independent values, here one value a fold.

    mean ± t · s / √n, with the sample's standard deviation s (divisor n − 1) and t the quantile with n − 1
    degrees of freedom. It is exact for normal values; shares near 0 or 1 are not normal, and with three or
    four folds nothing can be checked. Bounds may leave the range of a share.

    Parameters
    ----------
    values : iterable of float
        One a unit. Values that share a fold are not independent: average them first.
    confidence : float
        0 to 1, both excluded.

    Returns
    -------
    Interval
        Of one value: that value, and NaN for both bounds. Of equal values: an interval without width, which
        `excludes` nothing, since it shows no spread to judge by.

    Raises
    ------
    BadInput
        Without a value, or with one that is not a finite number.

    References
    ----------
    Student 1908, "The probable error of a mean", Biometrika 6.

    Examples
    --------
    >>> print(t_interval([0.1, 0.2, 0.3]))
    +0.20 [-0.05, +0.45]
    >>> print(t_interval([0.4]))
    +0.40 (one value: no interval)
    """
    require_fraction("confidence", confidence)
    given = np.asarray(list(values), dtype=float)
    if given.ndim != 1 or not given.size:
        raise BadInput("values: a mean needs one number at least, in a flat list; none was given")
    _require_numbers("values", given)
    mean, n = float(given.mean()), int(given.size)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1, confidence)
    # Equal values may have a spread of rounding only: 0.1 + 0.1 + 0.1 is not 0.3.
    error = 0.0 if np.ptp(given) == 0 else float(given.std(ddof=1)) / math.sqrt(n)
    return _around(mean, error, degrees=n - 1, n=n, confidence=confidence)


def over_folds(values: Iterable[float]) -> Interval:
    """`t_interval` of what may be no value at all: then `NOTHING`, with n = 0."""
    listed = list(values)
    return t_interval(listed) if listed else NOTHING


def by_fold(values: Iterable[tuple[Any, float]]) -> Interval:
    """`over_folds` of (fold, value): values of one fold count once, by their mean; no numbers are left out.

    Examples
    --------
    >>> by_fold([(1, 0.1), (1, 0.3), (2, 0.6)]).mean
    0.4
    """
    folds: dict[Any, list[float]] = {}
    for fold, value in values:
        if math.isfinite(value):
            folds.setdefault(fold, []).append(value)
    return over_folds(math.fsum(mine) / len(mine) for mine in folds.values())


def two_way_interval(table: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Interval for the mean of a design in which folds and seeds are crossed: y = m + fold + seed + rest.

    The mean is the mean over folds of the mean over seeds. Its variance, for P folds and S seeds, is the
    largest of V_fold, V_seed and V_fold + V_seed − V_cell:

    - V_fold: the variance (divisor P − 1) of the P fold means, divided by P;
    - V_seed: fold means taken off, the variance (divisor S − 1) of the S seed means of what is left,
      divided by S;
    - V_cell: these taken off too, the sum of the remaining squares over (cells − P − S + 1), divided by the
      number of cells.

    In a full table these are the mean squares of a two-way analysis of variance without repetition, divided
    by PS, and V_fold + V_seed − V_cell is what one expects of the mean's variance. The quantile is Student's
    with min(P, S) − 1 degrees of freedom: never more than Satterthwaite's number would be where one of the
    components rules, and not upset by the subtraction. It holds the true mean in 95 to 100 % of
    simulations, not less; with two seeds it is very wide. This is the interval of the claims ledger.

    Parameters
    ----------
    table : array-like, (folds, seeds)
        Rows are folds, columns are seeds. NaN is a cell that has no value: the formulas above take each mean
        over the cells that are there, which is exact only where none is missing.
    confidence : float
        0 to 1, both excluded.

    Returns
    -------
    Interval
        `n` is min(P, S).

    Raises
    ------
    BadInput
        For fewer than two folds or seeds (use `t_interval` then), a fold or seed without any value, an
        infinite value, or so few cells that nothing is left for the rest.

    References
    ----------
    Searle, Casella & McCulloch 1992, "Variance Components", chapter 4.

    Examples
    --------
    >>> print(two_way_interval([[0.1, 0.2, 0.3], [0.3, 0.4, 0.6], [0.5, 0.7, 0.7]]))
    +0.42 [-0.19, +1.03]
    """
    require_fraction("confidence", confidence)
    cells = _require_crossed(np.asarray(table, dtype=float))
    folds, seeds = cells.shape
    fold_means = np.nanmean(cells, axis=1)
    beyond_folds = cells - fold_means[:, None]
    seed_means = np.nanmean(beyond_folds, axis=0)
    rest = beyond_folds - seed_means[None, :]
    there = int(np.isfinite(cells).sum())
    v_fold = float(fold_means.var(ddof=1)) / folds
    v_seed = float(seed_means.var(ddof=1)) / seeds
    v_cell = float(np.nansum(rest**2)) / (there - folds - seeds + 1) / there
    variance = max(v_fold, v_seed, v_fold + v_seed - v_cell)
    if np.nanmax(cells) == np.nanmin(cells):
        variance = 0.0
    n = min(folds, seeds)
    return _around(float(fold_means.mean()), math.sqrt(variance), degrees=n - 1, n=n, confidence=confidence)


def _around(mean: float, error: float, *, degrees: int, n: int, confidence: float) -> Interval:
    half = _quantile(degrees, confidence) * error
    return Interval(mean, mean - half, mean + half, n, confidence)


@cache
def _quantile(degrees: int, confidence: float) -> float:
    """Student's t for a two-sided interval."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + confidence / 2))


def _require_crossed(cells: Table) -> Table:
    if cells.ndim != 2 or min(cells.shape) < 2:
        raise BadInput(
            "table: two folds and two seeds are needed at least, as (folds, seeds); its shape is "
            f"{cells.shape}. With one seed, or one fold, give the values to t_interval"
        )
    if np.isinf(cells).any():
        raise BadInput("table: it holds an infinite value; a cell without a value is NaN")
    for axis, what in ((1, "fold"), (0, "seed")):
        empty = np.flatnonzero(np.isnan(cells).all(axis=axis))
        if empty.size:
            raise BadInput(f"table: {what} number {empty[0]} (from 0) has no value at all; leave it out")
    there = int(np.isfinite(cells).sum())
    if there <= sum(cells.shape) - 1:
        raise BadInput(
            f"table: {there} cells of {cells.shape[0]} folds and {cells.shape[1]} seeds leave nothing to "
            "judge the rest by; leave out the folds or seeds that lack most"
        )
    return cells


def _require_numbers(name: str, given: NDArray[np.float64]) -> None:
    wrong = given[~np.isfinite(given)]
    if wrong.size:
        raise BadInput(f"{name}: {wrong[0]} is not a finite number; leave out the units that have no value")
