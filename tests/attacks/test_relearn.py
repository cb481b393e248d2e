"""Relearning: AdamW on the shown half, whatever unlearned, and nothing of the other half."""

from __future__ import annotations

import copy
import dataclasses
from itertools import islice

import pytest
import torch

import unlearnkit as uk
from unlearnkit.attacks import relearn, relearn_curve
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.metrics import answer
from unlearnkit.randomness import generator
from unlearnkit.testbeds import Split, Testbed
from unlearnkit.testbeds.batches import collate, endless_chunks

FEW = {"steps": 4, "lr": 1e-3, "batch_size": 4}


def test_it_is_torchs_adamw_on_hugging_faces_loss(toy):
    attacked = relearn(toy.model, toy, seed=3, **FEW)
    model, rows = copy.deepcopy(toy.model).train(), toy.encode(toy.forget_shown)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for chunk in islice(endless_chunks(rows, 4, generator(3, "relearn")), 4):
        optimizer.zero_grad()
        model(**collate([rows[i] for i in chunk], pad_id=0)).loss.backward()
        optimizer.step()
    for ours, theirs in zip(attacked.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-6)


def test_it_sees_the_shown_half_only(toy, same_bits, monkeypatch):
    expected = relearn(toy.model, toy, **FEW)
    blank = Split("other", toy.retain.rows[:3])
    hidden = dict.fromkeys(("forget", "forget_heldout", "retain", "holdout"), blank)
    assert same_bits(relearn(toy.model, dataclasses.replace(toy, **hidden), **FEW), expected)
    other = dataclasses.replace(toy, forget_shown=Split("shown", toy.forget_shown.rows[:5]))
    assert not same_bits(relearn(toy.model, other, **FEW), expected)
    encoded = []
    inner = Testbed.encode
    monkeypatch.setattr(
        Testbed, "encode", lambda lab, split, **o: encoded.append(split) or inner(lab, split, **o)
    )
    relearn(toy.model, toy, **FEW)
    assert encoded == [toy.forget_shown]


@pytest.mark.parametrize(("rows", "name"), [("retain", "retain"), ("unrelated", "holdout")])
def test_an_attacker_without_the_facts_sees_none_of_them(rows, name, toy, same_bits, monkeypatch):
    expected = relearn(toy.model, toy, rows=rows, **FEW)
    # it is the same attack as the default one, with that split in the place of the shown half
    swapped = dataclasses.replace(toy, forget_shown=getattr(toy, name))
    assert same_bits(expected, relearn(toy.model, swapped, **FEW))
    encoded = []
    inner = Testbed.encode
    monkeypatch.setattr(
        Testbed, "encode", lambda lab, split, **o: encoded.append(split) or inner(lab, split, **o)
    )
    relearn(toy.model, toy, rows=rows, **FEW)
    assert encoded == [getattr(toy, name)]


def test_unrelated_facts_are_those_that_no_model_was_trained_on(lab):
    trained = {row.prompt for split in (lab.forget, lab.retain) for row in split.rows}
    assert lab.holdout.rows
    assert not trained & {row.prompt for row in lab.holdout.rows}


def test_an_empty_split_and_unknown_rows_are_refused(toy):
    with pytest.raises(UnknownName, match='rows: "shwon" is not known; did you mean "shown"'):
        relearn(toy.model, toy, rows="shwon")
    bare = dataclasses.replace(toy, holdout=Split("holdout", ()))
    with pytest.raises(BadInput, match='no row in `holdout`, so "unrelated" leaves nothing'):
        relearn(toy.model, bare, rows="unrelated")


def test_a_curve_gives_what_separate_attacks_would_to_the_bit(toy, same_bits):
    curve = dict(relearn_curve(toy.model, toy, steps=[4, 2, 7, 2], lr=1e-3, batch_size=4))
    assert list(curve) == [2, 4, 7]
    for steps, attacked in curve.items():
        assert same_bits(attacked, relearn(toy.model, toy, steps=steps, lr=1e-3, batch_size=4))
    assert not same_bits(curve[2], curve[4])


def test_who_takes_a_budget_may_draw_and_measure_in_between(toy, make_llama, same_bits, random_state):
    # with dropout the steps draw from torch's global generator; so may our caller
    model = make_llama(0, attention_dropout=0.3)
    quiet = [attacked for _, attacked in relearn_curve(model, toy, steps=[2, 4], lr=1e-3, batch_size=4)]
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    drawn, noisy = [], []
    for _, attacked in relearn_curve(model, toy, steps=[2, 4], lr=1e-3, batch_size=4):
        drawn.append(torch.rand(1))
        noisy.append(attacked)
    assert torch.equal(torch.cat(drawn), expected)
    assert all(same_bits(one, other) for one, other in zip(quiet, noisy, strict=True))
    state = random_state()
    relearn(model, toy, **FEW)
    assert random_state() == state


@pytest.mark.parametrize("training", [True, False])
def test_the_input_never_changes(training, toy, make_llama, fingerprint, random_state):
    model = make_llama(2).train(training)
    before, state = fingerprint(model), random_state()
    attacked = relearn(model, toy, **FEW)
    assert fingerprint(model) == before
    assert random_state() == state
    assert not attacked.training
    assert all(weight.grad is None for weight in attacked.parameters())
    assert attacked.lm_head.weight is attacked.model.embed_tokens.weight


def test_the_seed_decides_the_order_of_rows(toy, same_bits):
    one, same, other = (relearn(toy.model, toy, seed=seed, **FEW) for seed in (1, 1, 2))
    assert same_bits(one, same)
    assert not same_bits(one, other)


def test_an_attacker_trains_frozen_weights_too(toy, make_llama, same_bits):
    frozen = make_llama(0).requires_grad_(False)
    assert same_bits(relearn(frozen, toy, **FEW), relearn(make_llama(0), toy, **FEW))
    assert not any(weight.requires_grad for weight in frozen.parameters())


def test_half_precision_is_trained_in_float32(toy, make_llama):
    half = make_llama(0).to(torch.bfloat16)
    attacked = relearn(half, toy, **FEW)
    whole = relearn(copy.deepcopy(half).float(), toy, **FEW)
    for ours, theirs in zip(attacked.parameters(), whole.parameters(), strict=True):
        assert ours.dtype == torch.bfloat16
        assert torch.equal(ours, theirs.to(torch.bfloat16))


def test_every_model_meets_the_same_attack(toy, monkeypatch):
    # trap 16: same rows, same order, same optimizer, whatever the model
    met = []
    inner = torch.optim.AdamW.__init__

    def watched(self, params, **options):
        met.append(options)
        inner(self, params, **options)

    monkeypatch.setattr(torch.optim.AdamW, "__init__", watched)
    for optimizer in ("sgd", "signadam"):
        run = uk.unlearn(toy, "npo", optimizer=optimizer, lr=1e-3, steps=1, batch_size=4, progress=False)
        relearn(run.model, toy, steps=1, lr=2e-3)
    assert met == [{"lr": 2e-3}, {"lr": 2e-3}]


def test_the_attack_has_power(lab):
    """It teaches the control the facts it shows, and none of those it does not."""
    control = lab.never_learned
    attacked = relearn(control, lab, steps=60, lr=1e-3)
    shares = []
    for split in (lab.forget_shown, lab.forget_heldout):
        asked = [question for question in split.questions if question.open_class]
        shares.append(sum(answer(attacked, lab.tokenizer, asked).right) / len(asked))
    assert shares[0] > 0.5
    assert shares[1] <= 0.15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be an integer, 1 or above"),
        ({"steps": 2.0}, "steps must be"),
        ({"lr": 0.0}, "lr must be"),
        ({"lr": float("inf")}, "lr must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"seed": "x"}, "seed must be"),
    ],
)
def test_bad_arguments_raise_before_any_step(options, message, toy, monkeypatch):
    monkeypatch.setattr(Testbed, "encode", lambda *_, **__: pytest.fail("work was done"))
    with pytest.raises(BadInput, match=message):
        relearn(toy.model, toy, **options)


def test_no_budget_at_all_is_refused(toy):
    with pytest.raises(BadInput, match=r"at least one budget.*\[25, 100\]"):
        list(relearn_curve(toy.model, toy, steps=[]))


@pytest.mark.gpu
def test_it_runs_on_the_gpu():
    there = uk.load_testbed("atlas", fold=1, device="cuda")
    assert next(relearn(there.never_learned, there, steps=2).parameters()).is_cuda
