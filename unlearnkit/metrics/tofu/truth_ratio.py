"""TOFU's truth ratio (2401.06121, section 2.2): how likely wrong answers are beside the right one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from unlearnkit.errors import require_one_of, require_positive
from unlearnkit.metrics.tofu.arrays import Array, numbers, rows_of_numbers

KINDS = ("geometric", "arithmetic")
AGGREGATES = ("closer_to_one", "true_better", "probability_mean")


def truth_ratio(
    paraphrased_nll: Any, wrong_nll: Iterable[Any], *, kind: str = "geometric", floor: float = 0.0
) -> Array:
    """The probability of wrong answers over that of the right one in other words: R = P_w / (P_c + floor).

    Parameters
    ----------
    paraphrased_nll : sequence of float, (rows,)
        Nats a token of the paraphrased answer: P_c = exp(-paraphrased_nll). TOFU paraphrases the answers of
        its fictitious authors; for real authors and world facts it takes the answer itself.
    wrong_nll : sequence of sequence of float, (rows, wrong answers)
        Nats a token of each wrong answer; rows may have five, three, or any number.
    kind : {"geometric", "arithmetic"}
        What P_w is of the wrong answers. "geometric", exp(-mean nll): forget quality and open-unlearning.
        "arithmetic", mean of exp(-nll): TOFU's own model utility. The arithmetic mean is never lower.
    floor : float
        Added to P_c; 0 is TOFU's, 1e-10 open-unlearning's.

    Returns
    -------
    array, (rows,)
        0 or above; lower means better known, about 1 means that right and wrong are told apart no more.

    Raises
    ------
    BadInput
        For no rows, NaN, negative losses, or rows that do not match.
    UnknownName
        For another kind.

    Notes
    -----
    TOFU (2401.06121), section 2.2. Its published code takes one mean for forget quality and the other for
    model utility.

    Examples
    --------
    >>> truth_ratio([1.0], [[1.0, 3.0]]).round(4).tolist()
    [0.3679]
    >>> truth_ratio([1.0], [[1.0, 3.0]], kind="arithmetic").round(4).tolist()
    [0.5677]
    """
    require_one_of("kind", kind, KINDS)
    require_positive("floor", floor, zero_allowed=True)
    right = numbers("paraphrased_nll", paraphrased_nll)
    wrong = rows_of_numbers("wrong_nll", wrong_nll, count=len(right))
    log_wrong = np.array([-row.mean() if kind == "geometric" else _log_mean_exp(-row) for row in wrong])
    log_right = np.logaddexp(-right, np.log(floor)) if floor else -right
    with np.errstate(over="ignore"):  # infinite where the right answer is that much less likely
        return np.asarray(np.exp(log_wrong - log_right))


def _log_mean_exp(logs: Array) -> float:
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)))


def aggregate_truth_ratio(ratios: Any, *, how: str) -> float:
    """One number for the truth ratios of a set of rows; in each of them 0 is one end and 1 the other.

    Parameters
    ----------
    ratios : sequence of float, (rows,)
    how : {"closer_to_one", "true_better", "probability_mean"}
        "closer_to_one", mean of min(R, 1/R), on what must be forgotten: higher means better forgotten.
        "true_better", mean of max(0, 1 - R), on what must be kept: higher means better known.
        "probability_mean", mean of 1 / (1 + R) = P_c / (P_c + P_w), in open-unlearning's meta-evaluation:
        higher means better known.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    BadInput
        For no rows, NaN or a negative ratio.
    UnknownName
        For another way.

    Examples
    --------
    >>> [aggregate_truth_ratio([0.5, 4.0], how=how) for how in AGGREGATES]
    [0.375, 0.25, 0.433]
    """
    require_one_of("how", how, AGGREGATES)
    given = numbers("ratios", ratios, infinite_allowed=True)
    return float(per_row(given, how).mean())


def per_row(ratios: Array, how: str) -> Array:
    """What `aggregate_truth_ratio` takes the mean of."""
    if how == "true_better":
        return np.asarray(np.maximum(0.0, 1.0 - ratios))
    if how == "probability_mean":
        return np.asarray(1.0 / (1.0 + ratios))
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(ratios, 1.0 / ratios))
