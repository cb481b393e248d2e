"""Rows of numbers as arrays, once they are known to be numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from unlearnkit.errors import BadInput

Array = npt.NDArray[np.float64]


def numbers(name: str, values: Any, *, infinite_allowed: bool = False) -> Array:
    """One row of float64; raises BadInput where it is empty, not flat, negative or not a number."""
    try:
        array = np.asarray(list(values) if isinstance(values, Iterable) else [values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} must be a row of numbers, not {values!r:.60}: {error}") from error
    if array.ndim != 1 or not array.size:
        raise BadInput(f"{name} must be a row of at least one number, not of shape {array.shape}")
    bad = np.isnan(array) if infinite_allowed else ~np.isfinite(array)
    bad |= array < 0
    if bad.any():
        place = int(bad.argmax())
        rule = "0 or above" if infinite_allowed else "finite and 0 or above"
        raise BadInput(
            f"{name}: all must be {rule}, but number {place + 1} of {array.size} is {array[place]}; "
            "no mean over them would mean anything: find out what gave it"
        )
    return array


def rows_of_numbers(name: str, values: Iterable[Any], *, count: int) -> list[Array]:
    """`count` rows of float64, which may differ in length."""
    rows = [numbers(f"{name}, row {i + 1}", row) for i, row in enumerate(values)]
    require_as_many(name, len(rows), count)
    return rows


def require_as_many(name: str, given: int, wanted: int) -> None:
    """Raise BadInput unless there are as many rows as of what stands beside them."""
    if given != wanted:
        raise BadInput(
            f"{name}: {given} rows given, but {wanted} beside them; rows are joined one by one, "
            "so give as many of each, in one order"
        )
