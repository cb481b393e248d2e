"""Every optimizer by name: its grade, what a step costs, and how to make one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.optim import (
    compressed,
    controls,
    first_order,
    hybrid,
    second_order,
    sharpness_aware,
    zeroth_order,
)
from unlearnkit.optim.entry import Entry

if TYPE_CHECKING:
    import pandas as pd


GRADES = (first_order, compressed, second_order, sharpness_aware, zeroth_order, hybrid, controls)
ENTRIES: tuple[Entry, ...] = tuple(entry for grade in GRADES for entry in grade.ENTRIES)
BY_NAME = {entry.name: entry for entry in ENTRIES}


def find(name: str) -> Entry:
    """The entry of a name; raises UnknownName with the nearest names."""
    if name not in BY_NAME:
        raise unknown_name("optimizer", name, BY_NAME)
    return BY_NAME[name]


def create(name: str, params: Iterable[Any], **options: Any) -> torch.optim.Optimizer:
    """Make an optimizer by name.

    Parameters
    ----------
    name : str
        One of `catalogue().name`.
    params : iterable of Tensor or of dict
    **options
        The optimizer's own: `lr` and the rest.

    Raises
    ------
    UnknownName
        For a name that is not in the catalogue.
    BadInput
        For an option that the optimizer does not have or does not accept.

    Examples
    --------
    >>> import torch
    >>> create("signadam", [torch.nn.Parameter(torch.zeros(3))], lr=1e-4).defaults["momentum"]
    0.9
    """
    entry = find(name)
    try:
        return entry.make(params, **options)
    except (TypeError, ValueError) as error:
        raise BadInput(f"optimizer {name!r} refuses these options {options!r}: {error}") from error


def catalogue() -> pd.DataFrame:
    """All optimizers as a table: name, grade, bits, needs_closure, cost and state, source."""
    import pandas as pd

    frame = pd.DataFrame([asdict(entry) for entry in ENTRIES])
    return frame.drop(columns="make")
