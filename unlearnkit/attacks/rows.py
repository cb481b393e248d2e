"""What the rows of results.json say of an attack: its key, its short form, its family."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from unlearnkit.attacks.suite import Attack
from unlearnkit.errors import UnlearnkitError

Row = Mapping[str, Any]


def attack_key(attack: Row) -> str:
    """What makes two attack rows the same attack: its name and its settings."""
    return json.dumps({"name": attack["name"], "params": attack["params"]}, sort_keys=True)


def label_of(attack: Row) -> str:
    """The short form that `parse_attack` reads; of an attack that this version does not know, all it says.

    Examples
    --------
    >>> label_of({"name": "relearn", "params": {"steps": 100, "lr": 3e-4}})
    'relearn-100@0.0003'
    >>> label_of({"name": "hammer", "params": {"weight": 3}})
    'hammer(weight=3)'
    """
    return _label(str(attack["name"]), _as_text(attack.get("params") or {}))


def family_of(attack: Row) -> str:
    """The short form without the budget: attacks that differ in their steps only are one at several budgets.

    Examples
    --------
    >>> family_of({"name": "relearn", "params": {"steps": 100, "lr": 3e-4}})
    'relearn@0.0003'
    """
    label, steps = label_of(attack), (attack.get("params") or {}).get("steps")
    known = label.replace(f"-{steps}", "", 1)
    if steps is None or known != label:
        return known
    rest = {name: value for name, value in attack["params"].items() if name != "steps"}
    return _described(str(attack["name"]), rest)


def _as_text(params: Row) -> str:
    return json.dumps(params, sort_keys=True, default=str)


@lru_cache(maxsize=1024)  # thousands of rows have met the same few attacks
def _label(name: str, params: str) -> str:
    settings = json.loads(params)
    try:
        return Attack(name, tuple(settings.items())).label
    except (UnlearnkitError, LookupError, TypeError, ValueError, AttributeError):
        return _described(name, settings)


def _described(name: str, settings: Row) -> str:
    return f"{name}({','.join(f'{key}={value}' for key, value in settings.items())})"
