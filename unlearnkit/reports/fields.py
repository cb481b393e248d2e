"""Fields of rows that may lack them: a run that failed has few."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unlearnkit.attacks import Attack
from unlearnkit.errors import UnlearnkitError
from unlearnkit.studies.intervals import Interval, over_folds

Row = Mapping[str, Any]


def number(row: Row, *path: str) -> float:
    """A field as a number; NaN where it is missing, None, or no number."""
    found: Any = row
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else math.nan


def by_fold(values: Iterable[tuple[Any, float]]) -> Interval:
    """The mean over folds of (fold, value), with its t interval; what is no number is left out."""
    folds: dict[Any, list[float]] = {}
    for fold, value in values:
        if math.isfinite(value):
            folds.setdefault(fold, []).append(value)
    return over_folds(math.fsum(mine) / len(mine) for mine in folds.values())


def met_by(row: Row) -> Sequence[Row]:
    """The attacks of a row; none where it has none."""
    return row.get("attacks") or ()


def met(row: Row, label: str) -> Row | None:
    """A row's attack of a label, or None."""
    return next((attack for attack in met_by(row) if label_of(attack) == label), None)


def label_of(attack: Row) -> str:
    """The short form, such as "relearn-100"; name and parameters of what this version does not know."""
    name, params = str(attack["name"]), attack.get("params") or {}
    try:
        return Attack(name, tuple(params.items())).label
    except (UnlearnkitError, KeyError, TypeError, ValueError):
        return f"{name} {json.dumps(params, sort_keys=True, default=str)}"


def steps_of(attack: Row) -> int | None:
    """The budget of relearning, or None for attacks without one."""
    steps = (attack.get("params") or {}).get("steps")
    return steps if isinstance(steps, int) else None


def family_of(attack: Row) -> str:
    """What attacks that differ in their steps only have in common."""
    rest = {name: value for name, value in (attack.get("params") or {}).items() if name != "steps"}
    return f"{attack['name']} {json.dumps(rest, sort_keys=True, default=str)}"
