"""Min-40 % scores of texts, from a log that another tool wrote."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from unlearnkit.errors import BadInput
from unlearnkit.metrics.membership.min_k import min_k
from unlearnkit.metrics.muse.items import read_items

K = 0.4
# As different tools name it, without case and punctuation: "Min-40%", "min_k", "Min-40% Prob", "min_k_0.4".
MIN_K_FIELDS = ("min40", "mink", "min40prob", "minkprob", "min04", "mink04", "mink40")
LOG_PROBS = "log_probs"
ROUNDING = 1e-5  # nats above 0 that a half-precision log-softmax may give


def read_min_k(path: str | Path, group: str) -> list[float]:
    """The mean of each text's least likely 40 % of log-probabilities in nats, with the sign of the log.

    From "log_probs" it is computed with a minus sign, as muse_bench's; see `oriented`.

    Parameters
    ----------
    path : str or Path
        A JSON array or JSON Lines of numbers, of objects with a Min-40 % field (muse_bench's "Min-40%"), or
        of objects with "log_probs", the text's token log-probabilities. Or muse_bench's whole log: an object
        with such an array under "forget" and "holdout".
    group : {"forget", "holdout"}
        Which of these to take from a whole log; the name in messages.

    Raises
    ------
    MissingReference, BadInput
        Naming file, row and field.
    """
    items = read_items(path)
    where = str(path)
    if isinstance(items, dict) and isinstance(items.get(group), list):
        items, where = items[group], f'{path}, "{group}"'
    rows = [items] if isinstance(items, dict) else items
    if not rows:
        raise BadInput(f"{where} has no row, so the {group} group is empty; an AUC needs both groups")
    kinds = [_kind(f"{where}, row {number}", row) for number, row in enumerate(rows, start=1)]
    odd = next((number for number, kind in enumerate(kinds, start=1) if kind != kinds[0]), None)
    if odd is not None:
        raise BadInput(
            f"{where}, row {odd} gives {kinds[odd - 1] or 'a bare number'} where row 1 gives "
            f"{kinds[0] or 'a bare number'}; scores of different kinds have no common rank"
        )
    return [_score(f"{where}, row {number}", row, kinds[0]) for number, row in enumerate(rows, start=1)]


def oriented(forget: list[float], holdout: list[float]) -> tuple[list[float], list[float]]:
    """Both groups with the sign of muse_bench's "Min-40%", never below 0: higher, less likely a member.

    The mean itself (Shi et al., 2310.16789) is never above 0, so the numbers say which of the two they are.

    Raises
    ------
    BadInput
        When some are below 0 and some above: they are neither.

    Examples
    --------
    >>> oriented([-1.0, -2.0], [-3.0])
    ([1.0, 2.0], [3.0])
    """
    both = [*forget, *holdout]
    if min(both) >= -ROUNDING:
        return forget, holdout
    if max(both) > ROUNDING:
        raise BadInput(
            f"Min-40 % scores run from {min(both):.4g} to {max(both):.4g}; means of log-probabilities are "
            "never above 0, and muse_bench's, with a minus sign, never below, so these cannot be ranked; "
            "give forget and holdout scores of one kind"
        )
    return [-score for score in forget], [-score for score in holdout]


def _kind(where: str, row: object) -> str:
    """The field that holds a row's score; "" for a bare number."""
    if not isinstance(row, Mapping):
        return ""
    plain = {re.sub(r"[^a-z0-9]", "", str(name).casefold()): str(name) for name in row}
    for known in MIN_K_FIELDS:
        if known in plain:
            return plain[known]
    if LOG_PROBS in row:
        return LOG_PROBS
    raise BadInput(
        f'{where} has neither a field "Min-40%" nor "{LOG_PROBS}" (given: {", ".join(row) or "nothing"}); '
        "PrivLeak ranks texts by their Min-40 % score"
    )


def _score(where: str, row: object, kind: str) -> float:
    if kind == LOG_PROBS and isinstance(row, Mapping):
        return _from_log_probs(f'{where}, field "{LOG_PROBS}"', row[LOG_PROBS])
    value = row[kind] if isinstance(row, Mapping) else row
    place = f'{where}, field "{kind}"' if kind else where
    return _number(place, value, "muse_bench writes NaN for texts of less than 3 tokens; leave those out")


def _from_log_probs(place: str, values: object) -> float:
    if not isinstance(values, list):
        raise BadInput(f"{place} is of type {type(values).__name__}, not a list of log-probabilities")
    numbers = [
        _number(f"{place}[{i}]", value, "a token that came has a finite log-probability")
        for i, value in enumerate(values)
    ]
    above = next((i for i, number in enumerate(numbers) if number > ROUNDING), None)
    if above is not None:
        raise BadInput(
            f"{place}[{above}] is {numbers[above]:.4g}; the logarithm of a probability is never above 0: are "
            "these losses? then change their sign"
        )
    try:
        return min_k(numbers, K)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from None


def _number(place: str, value: object, hint: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{place} is of type {type(value).__name__}, not a number; {hint}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadInput(f"{place} is {number}, not a finite number; {hint}")
    return number
