"""Attacks by name, and several of them on one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.attacks.interpolate import INTERPOLATE
from unlearnkit.attacks.kind import AttackKind
from unlearnkit.attacks.noise import NOISE
from unlearnkit.attacks.prompts import HINT, PARAPHRASE
from unlearnkit.attacks.prune import PRUNE
from unlearnkit.attacks.quantize import QUANTIZE
from unlearnkit.attacks.relearn import RELEARN
from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.testbeds.testbed import Testbed

KINDS: dict[str, AttackKind] = {
    kind.name: kind for kind in (QUANTIZE, RELEARN, NOISE, PRUNE, INTERPOLATE, PARAPHRASE, HINT)
}


@dataclass(frozen=True)
class Attack:
    """An attack with its setting, such as "quantize" with bits and scheme, or "hint" with nothing.

    Attributes
    ----------
    name : str
        A key of `KINDS`.
    params : tuple of (str, value)
        What stands in a record; a default that was added later is left out.
    """

    name: str
    params: tuple[tuple[str, Any], ...]

    @property
    def kind(self) -> AttackKind:
        """Its line in the table of attacks; raises UnknownName for a name that is not there."""
        if self.name not in KINDS:
            raise unknown_name("attacks", self.name, KINDS)
        return KINDS[self.name]

    @property
    def label(self) -> str:
        """The short form that `parse_attack` reads."""
        return self.kind.write(dict(self.params))

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, ready for JSON."""
        return {"name": self.name, "params": dict(self.params)}

    def testbed(self, lab: Testbed) -> Testbed:
        """The testbed to score the attacked model on: `lab`, or for prompts the reworded one."""
        return self.kind.testbed(lab)


def parse_attack(text: str) -> Attack:
    """Read an attack's short form.

    Parameters
    ----------
    text : str
        "quantize-4", "quantize-4:nf4", "relearn-100", "relearn-100@3e-4", "relearn-100:retain",
        "relearn-100:unrelated@3e-4", "noise-0.01", "prune-0.2", "interpolate-0.5", "paraphrase" or "hint",
        with other numbers as wanted.

    Raises
    ------
    BadInput
        With the forms that are understood.

    Examples
    --------
    >>> parse_attack("relearn-100@3e-4").params
    (('steps', 100), ('lr', 0.0003))
    >>> parse_attack("quantize-4:nf4").label
    'quantize-4:nf4'
    """
    for kind in KINDS.values():
        found = kind.match(text.strip())
        if found is not None:
            return Attack(kind.name, kind.read(found.groupdict()))
    forms = "; ".join(kind.forms for kind in KINDS.values())
    raise BadInput(
        f'attacks: "{text}" is none; write {forms}; such as quantize-4,quantize-4:nf4,relearn-100:retain@3e-4'
    )


def run_attacks(
    model: Any, lab: Testbed, attacks: Sequence[Attack], *, seed: int = 0
) -> Iterator[tuple[Attack, Any]]:
    """Attack a model in every way given; yields (attack, attacked model), each attack once.

    Score each on `attack.testbed(lab)`. Attacks of one kind come together, and relearning attacks that
    differ in their budget only are one training seen at several.
    """
    for kind in dict.fromkeys(attack.kind.name for attack in attacks):
        chosen = {attack.params: attack for attack in attacks if attack.name == kind}
        for params, attacked in KINDS[kind].run(model, lab, list(chosen), seed):
            yield chosen[params], attacked
