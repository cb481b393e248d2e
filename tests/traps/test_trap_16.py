"""Trap 16: a fair relearn attack has the same rows, order, steps, rate and AdamW for all, controls too."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
import torch

from unlearnkit.attacks.judging import judge_attacks
from unlearnkit.errors import MissingReference

attack = importlib.import_module("unlearnkit.attacks.relearn")

SCORES = {
    "knowmem_forget_shown": 0.0, "knowmem_forget_heldout": 0.0, "knowmem_retain": 1.0,
    "verbmem_forget": 0.0, "verbmem_retain": 1.0, "nll_forget": 4.0, "nll_retain": 0.0,
}  # fmt: skip


@pytest.fixture
def watched(monkeypatch, toy):
    """Relearn, and tell what the attacker did: (the batches' ids in order, the optimizers that it made)."""

    def watch(model, **arguments) -> tuple[list[list], list[torch.optim.Optimizer]]:
        shown, made = [], []
        mean_nll = attack.mean_nll

        def loss(of, batch):
            shown.append(batch["input_ids"].tolist())
            return mean_nll(of, batch)

        class Noted(torch.optim.AdamW):
            def __init__(self, *given, **settings):
                super().__init__(*given, **settings)
                made.append(self)

        with monkeypatch.context() as patched:
            patched.setattr(attack, "mean_nll", loss)
            patched.setattr(torch.optim, "AdamW", Noted)
            attack.relearn(model, toy, steps=5, batch_size=4, **arguments)
        return shown, made

    return watch


def settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All but the weights."""
    (group,) = optimizer.param_groups
    return {name: value for name, value in group.items() if name != "params"}


def test_models_that_differ_see_the_same_rows_in_the_same_order(watched, toy, make_llama, noisy):
    models = (toy.model, make_llama(1), noisy(toy.model, 0.1))
    first, second, third = (watched(model)[0] for model in models)
    assert len(first) == 5
    assert first == second == third
    assert watched(toy.model, seed=1)[0] != first


def test_the_attackers_optimizer_is_torchs_adamw_whatever_unlearned(watched, toy, make_llama):
    assert not any("optimizer" in name for name in inspect.signature(attack.relearn).parameters)
    for model in (toy.model, make_llama(1)):
        (made,) = watched(model, lr=2e-4)[1]
        plain = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
        assert settings(made) == settings(plain)
        assert len(made.param_groups[0]["params"]) == len(list(model.parameters()))


def row(heldout: float, lr: float) -> dict[str, Any]:
    """One attack as results.json has it."""
    scores = {**SCORES, "knowmem_forget_heldout": heldout}
    return {"name": "relearn", "params": {"steps": 100, "lr": lr}, "scores": scores}


def control(name: str, before: float, *attacks: dict[str, Any]) -> dict[str, Any]:
    """One control, likewise."""
    return {
        "control": name,
        "scores": {**SCORES, "knowmem_forget_heldout": before},
        "attacks": list(attacks),
    }


def test_recovery_is_beyond_the_control_under_the_same_attack_at_each_rate():
    # At the high rate whoever never knew learns as much: 0.3 is no recovery there, and is at the low one.
    rates, control_after = (1e-4, 1e-3), (0.0, 0.3)
    after = [row(known, lr) for known, lr in zip(control_after, rates, strict=True)]
    controls = [
        control("target", 1.0, *(row(1.0, lr) for lr in rates)),
        control("never_learned", 0.0, *after),
        control("plant-hidden", 0.0, *(row(0.9, lr) for lr in rates)),
    ]
    run = {"status": "forgotten", "attacks": [row(0.3, lr) for lr in rates]}
    judge_attacks(run, controls)
    assert [a["recovery"]["heldout"] for a in run["attacks"]] == pytest.approx([0.3, 0.0])
    assert run["attacks"][0]["outcome"] == "recovered"


def test_a_control_that_did_not_meet_the_attack_lends_no_baseline():
    controls = [control("target", 1.0, row(1.0, 1e-4)), control("never_learned", 0.0, row(0.0, 1e-4))]
    run = {"status": "forgotten", "attacks": [row(0.1, 1e-4), row(0.3, 1e-3)]}
    with pytest.raises(
        MissingReference, match=r"not meet relearn-100@0\.001, .* it met relearn-100\. Make the same"
    ):
        judge_attacks(run, controls)
    assert not any("recovery" in attack or "outcome" in attack for attack in run["attacks"])
