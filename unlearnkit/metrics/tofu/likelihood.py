"""TOFU's probabilities (2401.06121, section 2.2): of the answer, and of the answer among wrong ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from unlearnkit.errors import BadInput, require_positive
from unlearnkit.metrics.tofu.arrays import Array, numbers, require_as_many, rows_of_numbers

# What open-unlearning adds to a denominator, as read in its code: it decides where all probabilities are
# tiny.
FLOOR = 1e-10


def probability(nll: Any, tokens: Any) -> Array:
    """How likely each answer is, as the geometric mean over its tokens: P = exp(-nll / n).

    Parameters
    ----------
    nll : sequence of float, (rows,)
        Summed negative log-likelihood of the answer's tokens in nats, the end token among them.
    tokens : sequence of int, (rows,)
        How many tokens that are.

    Returns
    -------
    array, (rows,)
        0 to 1; higher means better known.

    Raises
    ------
    BadInput
        For no rows, NaN, a negative loss, or an answer without tokens.

    Notes
    -----
    TOFU (2401.06121), section 2.2: P(a|q)^(1/|a|).

    Examples
    --------
    >>> probability([0.0, 1.3863], [4, 2]).round(3).tolist()
    [1.0, 0.5]
    """
    losses, counts = numbers("nll", nll), numbers("tokens", tokens)
    require_as_many("tokens", len(counts), len(losses))
    if (counts < 1).any():
        place = int((counts < 1).argmax())
        raise BadInput(
            f"tokens: number {place + 1} is {counts[place]:g}, and an answer has at least one token; "
            "a row whose answer was cut off has no probability: leave it out"
        )
    return np.asarray(np.exp(-losses / counts))


def probability_with_options(nll: Any, wrong_nll: Iterable[Any], *, floor: float = 0.0) -> Array:
    """How likely each answer is among its wrong ones: P_c / (P_c + sum of P_w + floor).

    Parameters
    ----------
    nll : sequence of float, (rows,)
        Nats a token of the right answer.
    wrong_nll : sequence of sequence of float, (rows, wrong answers)
        Nats a token of each wrong one.
    floor : float
        0 is TOFU's. open-unlearning adds 1e-10 (`FLOOR`; unverified against its numbers): a model to which
        all answers are unthinkable then scores 0 instead of a guess.

    Returns
    -------
    array, (rows,)
        0 to 1; higher means better known; 1 / (1 + wrong answers) where all are as likely.

    Raises
    ------
    BadInput
        For no rows, NaN, negative losses, or rows that do not match.

    Notes
    -----
    TOFU (2401.06121), section 2.2, for real authors and world facts.

    Examples
    --------
    >>> probability_with_options([1.0], [[1.0, 1.0, 1.0]]).tolist()
    [0.25]
    """
    require_positive("floor", floor, zero_allowed=True)
    right = numbers("nll", nll)
    wrong = rows_of_numbers("wrong_nll", wrong_nll, count=len(right))
    if floor:
        summed = np.array([np.exp(-row).sum() for row in wrong])
        return np.asarray(np.exp(-right) / (np.exp(-right) + summed + floor))
    # From the difference of losses: where both probabilities are too small for a float, their ratio is not.
    with np.errstate(over="ignore"):
        against = [np.exp(own - row).sum() for own, row in zip(right, wrong, strict=True)]
    return np.asarray(1.0 / (1.0 + np.array(against)))
