"""A run seen on its way is, at every look, the run that would have ended there."""

from __future__ import annotations

import dataclasses
import math

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.unlearning import checkpoints

FEW = {"lr": 1e-3, "batch_size": 4, "seed": 3}
HYBRID = {"block": 2, "queries": 2}


@pytest.mark.parametrize(
    ("optimizer", "options", "at"),
    [
        ("adam", {}, [2, 5]),
        ("hybrid", HYBRID, [4, 8]),
        ("hybrid_first", HYBRID, [4, 8]),
        ("adazo", {"queries": 2}, [1, 3]),
        ("noise_matched", {}, [1, 3]),
    ],
)
def test_at_every_look_it_is_the_run_that_ends_there_to_the_bit(optimizer, options, at, toy, same_bits):
    given = {"optimizer": optimizer, "optimizer_options": options, **FEW}
    seen = [(look.step, look.to_run()) for look in checkpoints(toy, "npo", at=at, **given)]
    assert [step for step, _ in seen] == at
    for step, run in seen:
        whole = uk.unlearn(toy, "npo", steps=step, progress=False, **given)
        assert same_bits(run.model, whole.model)
        for name in ("id", "scores", "status", "history", "config"):
            assert getattr(run, name) == getattr(whole, name), name
        assert _timeless(run.cost) == _timeless(whole.cost)


def test_looking_changes_nothing(toy, same_bits, fingerprint, random_state):
    before, state = fingerprint(toy.model), random_state()
    often, once = (
        [look.to_run() for look in checkpoints(toy, "npo", optimizer="adazo", at=at, **FEW)][-1]
        for at in ([1, 2, 3], [3])
    )
    assert same_bits(often.model, once.model)
    assert (often.id, often.scores, often.history) == (once.id, once.scores, once.history)
    assert fingerprint(toy.model) == before
    assert random_state() == state


def test_a_run_taken_from_a_look_is_not_moved_on(toy, fingerprint):
    walk = checkpoints(toy, "npo", optimizer="adam", at=[1, 2], **FEW)
    look = next(walk)
    run = look.to_run()
    before = fingerprint(run.model)
    assert next(walk).model is look.model
    assert fingerprint(run.model) == before
    assert not run.model.training
    assert look.model.training


def test_looks_may_be_asked_for_in_any_order(toy):
    walk = checkpoints(toy, "graddiff", optimizer="sgd", at=[3, 1, 3], **FEW)
    assert [(look.step, len(look.losses)) for look in walk] == [(1, 1), (3, 3)]


def test_what_nobody_asks_for_is_not_run(toy):
    walk = checkpoints(toy, "graddiff", optimizer="sgd", at=[2, 500], **FEW)
    look = next(walk)
    walk.close()
    assert look.problem.forward_equivalents == 6


@pytest.mark.parametrize(
    ("optimizer", "options", "steps", "price"),
    [
        ("adam", {}, 3, 9),
        ("noise_matched", {}, 3, 9),
        ("adazo", {"queries": 3}, 3, 18),
        ("hybrid", HYBRID, 4, 2 * 3 + 2 * 4),
        ("hybrid", {"block": 1, "second_block": 3, "queries": 2}, 4, 3 + 3 * 4),
        ("hybrid_rest", {"block": 2}, 4, 2 * 3 + 2),
        ("hybrid_noise", {"block": 2}, 4, 12),
    ],
)
def test_forward_passes_are_counted_exactly(optimizer, options, steps, price, toy):
    for objective, reference in (("graddiff", 0), ("npo", 0.5 * math.ceil(len(toy.forget) / 4))):
        given = {"optimizer": optimizer, "optimizer_options": options, **FEW}
        (look,) = checkpoints(toy, objective, at=[steps], **given)
        assert look.problem.forward_equivalents == price + reference


@pytest.mark.parametrize(
    ("optimizer", "options", "at", "words"),
    [
        ("hybrid", {"block": 2}, [4, 6], "every 4 steps, but 6 was given.*multiples of 4"),
        ("hybrid_rest", {"block": 2, "second_block": 1}, [4], "multiples of 3"),
        ("adam", {}, [], "at least one"),
        ("adam", {}, [0], "at must be"),
        ("adam", {}, [2.5], "at must be"),
        ("adam", {}, [True], "at must be"),
    ],
)
def test_looks_that_make_no_sense_are_refused_before_any_step(optimizer, options, at, words, toy):
    with pytest.raises(BadInput, match=words):
        checkpoints(toy, "npo", optimizer=optimizer, at=at, optimizer_options=options, **FEW)


def test_bad_arguments_are_those_of_unlearn(toy):
    with pytest.raises(UnknownName, match='did you mean "adam"'):
        checkpoints(toy, "npo", optimizer="addam", at=[1], **FEW)


@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 1e30), ("adazo", 1e38)])
def test_a_run_that_diverges_is_seen_once_more_and_ends(optimizer, lr, toy):
    given = {"optimizer": optimizer, "lr": lr, "batch_size": 4, "max_grad_norm": None}
    looks = list(checkpoints(toy, "graddiff", at=[1, 50], **given))
    assert looks[-1].step < 50
    assert looks[-1].diverged
    assert len(looks[-1].losses) == looks[-1].step
    run = looks[-1].to_run(steps=50)
    whole = uk.unlearn(toy, "graddiff", steps=50, progress=False, **given)
    assert run.status == whole.status == "diverged"
    assert (run.id, len(run.history.loss)) == (whole.id, len(whole.history.loss))


def test_weights_that_are_no_numbers_are_a_divergence_before_the_loss_says_so(toy):
    # AdaZO's first step is ten times its rate: more than float32 holds
    (look,) = checkpoints(toy, "graddiff", optimizer="adazo", at=[1], **FEW | {"lr": 1e38})
    assert math.isfinite(look.losses[-1])
    assert look.diverged
    assert look.to_run().status == "diverged"


def test_the_depth_is_that_of_the_run_also_with_dropout(toy, make_llama, random_state):
    lab = dataclasses.replace(toy, model=make_llama(0, attention_dropout=0.4))
    (look,) = checkpoints(lab, "npo", optimizer="adam", at=[2], **FEW)
    state = random_state()
    depth = look.nll_forget()
    assert random_state() == state
    assert all(module.training for module in look.model.modules())
    assert depth == look.to_run().scores.nll_forget


def _timeless(cost):
    return dataclasses.replace(cost, seconds=0.0)
