"""Fields of rows that may lack them: a run that failed has few."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unlearnkit.attacks.rows import label_of

Row = Mapping[str, Any]


def number(row: Row, *path: str) -> float:
    """A field as a number; NaN where it is missing, None, or no number."""
    found: Any = row
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else math.nan


def met_by(row: Row) -> Sequence[Row]:
    """The attacks of a row; none where it has none."""
    return row.get("attacks") or ()


def met(row: Row, label: str) -> Row | None:
    """A row's attack of a label, or None."""
    return next((attack for attack in met_by(row) if label_of(attack) == label), None)


def steps_of(attack: Row) -> int | None:
    """The budget of relearning, or None for attacks without one."""
    steps = (attack.get("params") or {}).get("steps")
    return steps if isinstance(steps, int) else None
