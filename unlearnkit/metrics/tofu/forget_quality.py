"""TOFU's forget quality: can the truth ratios of two models be told apart?"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unlearnkit.metrics.tofu.arrays import Array, numbers, require_as_many


@dataclass(frozen=True)
class ForgetQuality:
    """A two-sample Kolmogorov-Smirnov test between a model's truth ratios and the control's.

    Attributes
    ----------
    p : float
        Its p-value, 0 to 1; higher means harder to tell from the model that never learned. With 40 rows
        a larger difference passes than with 400, so p says nothing without `n`.
    d : float
        The statistic, 0 to 1: the largest gap between the two distribution functions. Lower means harder to
        tell apart; it can be compared across n.
    n : int
        Rows of each model.
    """

    p: float
    d: float
    n: int

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        return f"<b>forget quality</b>: p = {self.p:.3g}, D = {self.d:.4f} over {self.n} rows"


def forget_quality(ratios: Any, reference: Any) -> ForgetQuality:
    """Test whether truth ratios on the forget set come from the distribution of the control's.

    Parameters
    ----------
    ratios, reference : sequence of float, (rows,)
        Geometric truth ratios of the unlearned model and of the one that never learned, on the same rows.

    Returns
    -------
    ForgetQuality
        `p` by `scipy.stats.ks_2samp`, two-sided, exact for up to 10,000 rows; TOFU's "forget quality".

    Raises
    ------
    BadInput
        For no rows, NaN, or other numbers of rows on both sides: another forget set has another answer.

    Notes
    -----
    TOFU (2401.06121), section 2.2. TOFU scores the first 300 of forget10's 400 rows.

    Examples
    --------
    >>> forget_quality([0.2, 0.4, 0.6], [0.2, 0.4, 0.6]).p
    1.0
    >>> forget_quality([0.1, 0.2, 0.3], [0.7, 0.8, 0.9]).d
    1.0
    """
    ours = numbers("ratios", ratios, infinite_allowed=True)
    theirs = numbers("reference", reference, infinite_allowed=True)
    require_as_many("reference", len(theirs), len(ours))
    return ForgetQuality(p=_p_value(ours, theirs), d=kolmogorov_smirnov(ours, theirs), n=len(ours))


def _p_value(ours: Array, theirs: Array) -> float:
    from scipy.stats import ks_2samp

    with warnings.catch_warnings():
        # At the smallest D the exact sum rounds to above 1; scipy then takes the limit, and says so.
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
        return float(ks_2samp(ours, theirs).pvalue)


def kolmogorov_smirnov(one: Array, other: Array) -> float:
    """The largest gap between two empirical distribution functions, 0 to 1."""
    places = np.concatenate([one, other])
    gaps = _share_up_to(one, places) - _share_up_to(other, places)
    return float(np.abs(gaps).max())


def _share_up_to(sample: Array, places: Array) -> Array:
    return np.asarray(np.searchsorted(np.sort(sample), places, side="right") / len(sample))
