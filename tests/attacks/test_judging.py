"""Power comes from planted models, and a budget is one attack's, not another's."""

from __future__ import annotations

from typing import Any

import pytest

from unlearnkit.attacks.judging import attack_has_power, judge_attacks

SCORES = {
    "knowmem_forget_shown": 0.0,
    "knowmem_forget_heldout": 0.0,
    "knowmem_retain": 1.0,
    "verbmem_forget": 0.0,
    "verbmem_retain": 1.0,
    "nll_forget": 4.0,
    "nll_retain": 0.0,
}


def scores(heldout: float = 0.0, **more: float) -> dict[str, float]:
    return {**SCORES, "knowmem_forget_heldout": heldout, **more}


def attack(name: str = "relearn", heldout: float = 0.0, **params: Any) -> dict[str, Any]:
    return {"name": name, "params": params or {"steps": 100, "lr": 1e-4}, "scores": scores(heldout)}


def control(name: str, before: float, *attacks: dict[str, Any]) -> dict[str, Any]:
    return {"control": name, "scores": scores(before), "attacks": list(attacks)}


def controls(plant_after: float, robust_after: float = 0.0) -> list[dict[str, Any]]:
    return [
        control("target", 1.0, attack(heldout=1.0)),
        control("never_learned", 0.0, attack(heldout=robust_after)),
        control("plant-hidden", 0.0, attack(heldout=plant_after)),
    ]


@pytest.mark.parametrize(
    ("plant_after", "robust_after", "power"),
    [(0.9, 0.0, True), (0.5, 0.05, True), (0.49, 0.0, False), (0.9, 0.06, False)],
)
def test_an_attack_has_power_when_it_breaks_the_plant_and_spares_the_ignorant(
    plant_after: float, robust_after: float, power: bool
) -> None:
    assert attack_has_power(attack(), controls(plant_after, robust_after)) is power


def test_without_a_plant_there_is_no_power() -> None:
    assert attack_has_power(attack(), controls(0.9)[:2]) is False


def test_a_plant_says_nothing_about_an_attack_that_it_did_not_meet() -> None:
    assert attack_has_power(attack(steps=25, lr=1e-4), controls(0.9)) is False


@pytest.mark.parametrize(
    ("heldout", "plant_after", "expected"),
    [(0.1, 0.9, "survived"), (0.11, 0.9, "recovered"), (0.0, 0.1, "no power")],
)
def test_the_outcome_follows_recovery_and_power(heldout: float, plant_after: float, expected: str) -> None:
    row = {"status": "forgotten", "attacks": [attack(heldout=heldout)]}
    judge_attacks(row, controls(plant_after))
    assert row["attacks"][0]["outcome"] == expected
    assert row["attacks"][0]["recovery"]["heldout"] == pytest.approx(heldout)


def test_one_scheme_that_brings_all_back_does_not_condemn_another() -> None:
    met = [attack("quantize", bits=4, scheme="rtn"), attack("quantize", heldout=0.9, bits=4, scheme="nf4")]
    plants = [
        control("plant-grid-4-rtn", 0.0, attack("quantize", heldout=0.9, bits=4, scheme="rtn")),
        control("plant-grid-4-nf4", 0.0, attack("quantize", heldout=0.9, bits=4, scheme="nf4")),
    ]
    ignorant = [attack("quantize", bits=4, scheme=scheme) for scheme in ("rtn", "nf4")]
    fold = [control("target", 1.0, *met), control("never_learned", 0.0, *ignorant), *plants]
    row = {"status": "forgotten", "attacks": met}
    judge_attacks(row, fold)
    assert [a["outcome"] for a in row["attacks"]] == ["survived", "recovered"]


def test_a_budget_at_which_it_comes_back_condemns_all_budgets_of_that_attack() -> None:
    met = [attack(steps=25, lr=1e-4), attack(heldout=0.5, steps=100, lr=1e-4), attack(steps=100, lr=3e-4)]
    known = [{**a, "scores": scores(0.9)} for a in met]
    ignorant = [{**a, "scores": scores()} for a in met]
    fold = [
        control("target", 1.0, *known),
        control("never_learned", 0.0, *ignorant),
        control("plant-hidden", 0.0, *known),
    ]
    row = {"status": "over-forgotten", "attacks": met}
    judge_attacks(row, fold)
    assert [a["outcome"] for a in row["attacks"]] == ["recovered", "recovered", "survived"]
