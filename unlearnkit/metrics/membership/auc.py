"""The area under the ROC curve of a membership attack, with ties and a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from unlearnkit.errors import BadInput, require_fraction

CONFIDENCE = 0.95
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class AUC:
    """How well scores tell two groups apart.

    Attributes
    ----------
    value : float
        P(a nonmember's score > a member's) + P(equal) / 2, 0 to 1. Scores here say "less likely a member", so
        1 means that every member is recognised, 0.5 that none is, and near 0 that members look less likely
        than texts that were never seen. open-unlearning's AUC is this one; muse_bench's is 1 minus it.
    low, high : float
        Bounds of the confidence interval. It never has width 0.
    members, nonmembers : int
        Sizes of the groups.
    method : {"delong", "newcombe"}
        How the interval was made.
    confidence : float
    """

    value: float
    low: float
    high: float
    members: int
    nonmembers: int
    method: str
    confidence: float = CONFIDENCE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def _repr_html_(self) -> str:
        groups = f"{self.members} members, {self.nonmembers} nonmembers"
        return f"<b>AUC {self}</b> ({self.confidence:.0%} interval, {groups}; 0.5 is chance)"


def auc(members: Sequence[float], nonmembers: Sequence[float], *, confidence: float = CONFIDENCE) -> AUC:
    """Mann and Whitney's U over the number of pairs; ties count half.

    The interval is DeLong's on the logit scale. Where DeLong's variance is 0 or not defined (groups that do
    not overlap, one text in a group), it is Newcombe's score interval, which has a width there too.

    Parameters
    ----------
    members, nonmembers : sequence of float
        Scores, higher meaning "less likely a member".
    confidence : float
        0 to 1, both excluded.

    Returns
    -------
    AUC
        Swapping the groups gives 1 minus it, bounds included.

    Raises
    ------
    BadInput
        For an empty group, or a score that is not a finite number.

    References
    ----------
    Mann and Whitney 1947; DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44; Newcombe 2006, Statistics in
    Medicine 25, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic".

    Examples
    --------
    >>> print(auc([1.0, 2.0, 3.0], [2.0, 4.0]))
    0.750 [0.128, 0.984]
    >>> auc([1.0, 2.0], [3.0, 4.0]).value
    1.0
    """
    require_fraction("confidence", confidence)
    inside, outside = _group("members", members), _group("nonmembers", nonmembers)
    above = _share_beyond(inside, outside)  # for each member, the share of nonmembers above it
    below = 1 - _share_beyond(outside, inside)
    value = float(above.mean())
    quantile = float(norm.ppf((1 + confidence) / 2))
    variance = _variance_of_mean(above) + _variance_of_mean(below)
    if variance > 0 and 0 < value < 1:
        low, high = _on_the_logit_scale(value, quantile * math.sqrt(variance))
        method = "delong"
    else:
        low, high = _newcombe(value, len(inside), len(outside), quantile)
        method = "newcombe"
    return AUC(value, low, high, len(inside), len(outside), method, confidence)


def _group(name: str, scores: Sequence[float]) -> Numbers:
    group = np.asarray(scores, dtype=np.float64)
    if group.ndim != 1 or not len(group):
        raise BadInput(f"{name} must be a list of scores, one a text, at least one; there is nothing to rank")
    if not np.isfinite(group).all():
        place = int(np.flatnonzero(~np.isfinite(group))[0])
        raise BadInput(
            f"{name}[{place}] is {group[place]}, not a finite number, so it has no rank; leave that text out"
        )
    return group


def _share_beyond(group: Numbers, other: Numbers) -> Numbers:
    """For each of a group, the share of the others that are higher; equal ones count half."""
    order = np.sort(other)
    left, right = np.searchsorted(order, group, "left"), np.searchsorted(order, group, "right")
    return (len(other) - (left + right) / 2) / len(other)


def _variance_of_mean(shares: Numbers) -> float:
    return float(shares.var(ddof=1) / len(shares)) if len(shares) > 1 else math.nan


def _on_the_logit_scale(value: float, margin: float) -> tuple[float, float]:
    middle, reach = math.log(value / (1 - value)), margin / (value * (1 - value))
    return 1 / (1 + math.exp(reach - middle)), 1 / (1 + math.exp(-reach - middle))


def _newcombe(value: float, members: int, nonmembers: int, quantile: float) -> tuple[float, float]:
    """The values from which the one found is just `quantile` standard errors away."""
    extra = (members + nonmembers) / 2 - 1

    def beyond(true: float) -> float:
        """How much farther than the quantile the value found lies from a true one."""
        factor = 1 + extra * ((1 - true) / (2 - true) + true / (1 + true))
        spread = math.sqrt(true * (1 - true) * factor / (members * nonmembers))
        return abs(value - true) - quantile * spread

    tiny = 1e-12
    low = float(brentq(beyond, 0.0, value - tiny)) if value > 0 else 0.0
    high = float(brentq(beyond, value + tiny, 1.0)) if value < 1 else 1.0
    return low, high
