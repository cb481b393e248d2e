"""Recovery, power and outcome of a run's attacks, from its row and its fold's controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.attacks.outcomes import RECOVERY_MARGIN, outcome, recovery
from unlearnkit.attacks.power import has_power
from unlearnkit.attacks.rows import attack_key, family_of, label_of
from unlearnkit.errors import MissingReference
from unlearnkit.metrics.scores import Scores


def judge_attacks(
    row: dict[str, Any], controls: Sequence[dict[str, Any]], *, margin: float = RECOVERY_MARGIN
) -> None:
    """Add recovery and outcome to a row's attacks.

    Parameters
    ----------
    row : dict
        A run, as in results.json.
    controls : sequence of dict
        The controls of the same task and fold: target, never_learned and planted models. Without target
        or never_learned nothing is known to have come back: no recovery, and the outcome is "destroyed" for
        a run that is, else "not applicable".
    margin : float
        How much recovery still counts as none, 0 to 1.

    Raises
    ------
    MissingReference
        When never_learned is there and did not meet one of the attacks; nothing was added then.
    """
    named = {control["control"]: control for control in controls}
    if not {"target", "never_learned"} <= named.keys():
        wrecked = row["status"] in ("diverged", "destroyed")
        for attack in row["attacks"]:
            attack["outcome"] = "destroyed" if wrecked else "not applicable"
        return
    target = Scores(**named["target"]["scores"])
    same = {attack_key(a): Scores(**a["scores"]) for a in named["never_learned"]["attacks"]}
    _check_the_control_met(row, named["never_learned"])
    for attack in row["attacks"]:
        attack["recovery"] = recovery(Scores(**attack["scores"]), same[attack_key(attack)])
    for attack in row["attacks"]:
        budgets = [a["recovery"] for a in row["attacks"] if family_of(a) == family_of(attack)]
        attack["outcome"] = outcome(
            row["status"],
            Scores(**attack["scores"]),
            target=target,
            recoveries=budgets,
            has_power=attack_has_power(attack, controls),
            margin=margin,
        )


def _check_the_control_met(row: dict[str, Any], never_learned: dict[str, Any]) -> None:
    met = {attack_key(attack): label_of(attack) for attack in never_learned["attacks"]}
    missed = [label_of(attack) for attack in row["attacks"] if attack_key(attack) not in met]
    if missed:
        raise MissingReference(
            f"controls: never_learned did not meet {', '.join(missed)}, so what came back cannot be told "
            f"from what is learned anew; it met {', '.join(met.values()) or 'none'}. Make the same attacks "
            "on it, with the same settings, or leave these out"
        )


def attack_has_power(attack: dict[str, Any], controls: Sequence[dict[str, Any]]) -> bool:
    """Whether the attack broke the model planted for it and left never_learned ignorant.

    Without a planted model among the controls: False, for nothing has been shown.
    """
    found = {c["control"]: _before_after(c, attack) for c in controls}
    robust = found.get("never_learned")
    planted = [pair for name, pair in found.items() if name.startswith("plant-") and pair]
    return bool(robust and planted and has_power(fragile=planted[0], robust=robust))


def _before_after(control: dict[str, Any], attack: dict[str, Any]) -> tuple[float, float] | None:
    """A control's held-out knowledge before and after an attack, if it met it."""
    after = [a for a in control["attacks"] if attack_key(a) == attack_key(attack)]
    if not after:
        return None
    name = "knowmem_forget_heldout"
    return control["scores"][name], after[0]["scores"][name]
