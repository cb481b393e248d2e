"""What holds for every attack there is: a new model, nothing else changed, the same again by seed."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from unlearnkit.attacks import KINDS, Attack, displacement_of, parse_attack, run_attacks
from unlearnkit.attacks.kind import one_by_one
from unlearnkit.metrics import evaluate

# One entry a kind; adding an attack adds one here.
EXAMPLES = {
    "quantize": "quantize-4:nf4",
    "relearn": "relearn-2:retain@0.001",
    "noise": "noise-0.01",
    "prune": "prune-0.2",
    "interpolate": "interpolate-0.5",
    "paraphrase": "paraphrase",
    "hint": "hint",
}
DRAWS = {"relearn", "noise"}
STAYS = {"paraphrase", "hint"}
every_kind = pytest.mark.parametrize("kind", KINDS)


def attacked_by(kind, model, lab, *, seed=0):
    """The example of a kind, with the model that it gives."""
    ((attack, attacked),) = run_attacks(model, lab, [parse_attack(EXAMPLES[kind])], seed=seed)
    return attack, attacked


def test_there_is_an_example_of_every_kind():
    assert set(EXAMPLES) == set(KINDS)
    for name, kind in KINDS.items():
        assert name == kind.name
        assert parse_attack(EXAMPLES[name]).label == EXAMPLES[name]


@every_kind
@pytest.mark.parametrize("training", [True, False])
def test_nothing_that_was_given_changes(kind, training, toy, make_llama, fingerprint, random_state):
    model = make_llama(2).train(training)
    model.model.norm.weight.grad = torch.ones_like(model.model.norm.weight)
    model.model.norm.weight.requires_grad_(False)
    before = fingerprint(model), fingerprint(toy.model), random_state()
    _, attacked = attacked_by(kind, model, toy)
    assert (fingerprint(model), fingerprint(toy.model), random_state()) == before
    assert not any(module.training for module in attacked.modules())
    theirs = {weight.data_ptr() for each in (model, toy.model) for weight in each.parameters()}
    assert not theirs & {weight.data_ptr() for weight in attacked.parameters()}
    assert all(weight.grad is None for weight in attacked.parameters())


@every_kind
def test_the_seed_decides_what_is_drawn_and_nothing_else(kind, toy, make_llama, same_bits):
    model = make_llama(2)
    one, same, other = (attacked_by(kind, model, toy, seed=seed)[1] for seed in (1, 1, 2))
    assert same_bits(one, same)
    assert same_bits(one, other) == (kind not in DRAWS)
    assert same_bits(one, model) == (kind in STAYS)


@every_kind
def test_a_tied_matrix_stays_tied_and_a_dtype_what_it_was(kind, toy, make_llama):
    _, attacked = attacked_by(kind, make_llama(2).to(torch.bfloat16), toy)
    assert attacked.lm_head.weight is attacked.model.embed_tokens.weight
    assert {weight.dtype for weight in attacked.parameters()} == {torch.bfloat16}


@every_kind
def test_the_testbed_that_it_is_scored_on(kind, toy):
    asked = parse_attack(EXAMPLES[kind]).testbed(toy)
    assert (asked is toy) == (kind not in STAYS)
    assert asked.model is toy.model
    assert evaluate(toy.model, asked).nll_forget > 0


@every_kind
def test_its_displacement_is_that_of_numpy(kind, toy, make_llama):
    model = make_llama(2)
    attack, attacked = attacked_by(kind, model, toy)
    found = displacement_of(attacked, model, attack=attack, lab=toy)
    flat = (
        torch.nn.utils.parameters_to_vector(each.parameters()).detach().double().numpy()
        for each in (attacked, model)
    )
    change = abs(next(flat) - next(flat))
    assert found["distance_l2"] == pytest.approx((change**2).sum() ** 0.5)
    assert found["distance_max"] == pytest.approx(change.max())
    assert (found["distance_l2"] == 0) == (kind in STAYS)
    assert (found["flip_fraction"] is None) == (kind != "quantize")


def test_an_attack_is_one_line_in_the_table(toy, monkeypatch, same_bits):
    new = dataclasses.replace(
        KINDS["noise"],
        name="nothing",
        forms="nothing",
        pattern="nothing",
        read=lambda parts: (),
        write=lambda params: "nothing",
        run=one_by_one(lambda model, lab, seed, params: model),
    )
    monkeypatch.setitem(KINDS, "nothing", new)
    attack = parse_attack("nothing")
    assert attack == Attack("nothing", ())
    assert attack.label == "nothing"
    ((_, attacked),) = run_attacks(toy.model, toy, [attack, attack])
    assert attacked is toy.model
