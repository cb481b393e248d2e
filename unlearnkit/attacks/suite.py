"""Attacks by name, and several of them on one model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.attacks.quantize import BITS, quantize
from unlearnkit.attacks.relearn import relearn_curve
from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.testbeds.testbed import Testbed

DEFAULT_RELEARN_LR = 1e-4


@dataclass(frozen=True)
class Attack:
    """An attack with its setting: "quantize" with bits, or "relearn" with steps and a rate."""

    name: str
    params: tuple[tuple[str, Any], ...]

    @property
    def label(self) -> str:
        """The short form that `parse_attack` reads."""
        params = dict(self.params)
        if self.name == "quantize":
            return f"quantize-{params['bits']}"
        rate = "" if params["lr"] == DEFAULT_RELEARN_LR else f"@{params['lr']:g}"
        return f"relearn-{params['steps']}{rate}"

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, ready for JSON."""
        return {"name": self.name, "params": dict(self.params)}


def parse_attack(text: str) -> Attack:
    """Read "quantize-4", "relearn-100" or "relearn-100@3e-4".

    Raises
    ------
    BadInput
        With the forms that are understood.

    Examples
    --------
    >>> parse_attack("relearn-100@3e-4").params
    (('steps', 100), ('lr', 0.0003))
    """
    found = re.fullmatch(r"(quantize|relearn)-(\d+)(?:@([\d.e+-]+))?", text.strip())
    if found is None or (found[1] == "quantize" and found[3]):
        raise BadInput(
            f'attacks: "{text}" is none; write quantize-BITS (8, 4, 3, 2), relearn-STEPS or '
            "relearn-STEPS@RATE, such as quantize-4,relearn-100,relearn-100@3e-4"
        )
    number = int(found[2])
    if found[1] == "quantize":
        require_one_of("attacks: bits", number, BITS)
        return Attack("quantize", (("bits", number), ("scheme", "rtn")))
    return Attack("relearn", (("steps", number), ("lr", _rate(text, found[3]))))


def _rate(text: str, given: str | None) -> float:
    try:
        rate = DEFAULT_RELEARN_LR if given is None else float(given)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1 or re.search(r"-0+(@|$)", text):
        raise BadInput(f'attacks: "{text}" needs steps above 0 and a rate between 0 and 1')
    return rate


def run_attacks(
    model: Any, lab: Testbed, attacks: Sequence[Attack], *, seed: int = 0
) -> Iterator[tuple[Attack, Any]]:
    """Attack a model in every way given; yields (attack, attacked model).

    Relearning attacks of one rate are one training seen at several budgets.
    """
    for attack in attacks:
        if attack.name == "quantize":
            yield attack, quantize(model, **dict(attack.params))
    curves: dict[float, dict[int, Attack]] = {}
    for attack in attacks:
        if attack.name == "relearn":
            params = dict(attack.params)
            curves.setdefault(params["lr"], {})[params["steps"]] = attack
    for lr, budgets in curves.items():
        for steps, attacked in relearn_curve(model, lab, steps=list(budgets), lr=lr, seed=seed):
            yield budgets[steps], attacked
