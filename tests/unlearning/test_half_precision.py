"""Weights move in float32: a step that bfloat16 cannot hold still counts (trap 1)."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

import unlearnkit as uk

STEPS, LR = 30, 1e-5


@pytest.fixture(scope="module")
def half(toy, make_llama):
    """The toy testbed with a bfloat16 model."""
    return dataclasses.replace(toy, model=make_llama(0).to(torch.bfloat16))


@pytest.fixture(scope="module")
def run(half):
    return _sign_steps(half)


def test_the_run_is_the_float32_run_rounded_once_at_the_end(run, half):
    # from the same start: bfloat16 numbers are float32 numbers
    whole = dataclasses.replace(half, model=copy.deepcopy(half.model).float())
    for ours, theirs in zip(run.model.parameters(), _sign_steps(whole).model.parameters(), strict=True):
        assert ours.dtype == torch.bfloat16
        assert torch.equal(ours, theirs.to(torch.bfloat16))


def test_more_moves_than_in_place(run, half):
    """In place a step is lost where |w| >= 2^-8: the spacing there, 2^-15 = 3e-5, is three times it."""
    in_place = copy.deepcopy(half.model)
    with torch.no_grad():
        for _ in range(STEPS):  # all steps the same way: as far as sign steps can get
            for weight in in_place.parameters():
                weight.sub_(LR)
    pairs = list(zip(in_place.parameters(), half.model.parameters(), strict=True))
    moved = sum(int((new != old).sum()) for new, old in pairs)
    lost = sum(int((new == old).sum()) for new, old in pairs)
    assert all(old[new == old].abs().min() >= 2**-8 for new, old in pairs if (new == old).any())
    share = moved / (moved + lost)
    print(f"moved: {share:.3f} in place at best, {run.cost.moved_fraction:.3f} through float32")
    assert share < 0.1
    assert run.cost.moved_fraction > 2 * share


def test_what_rounds_away_is_reported_and_not_silent(half):
    # one step of 1e-7 is below the spacing of nearly all weights: the model is the target again
    tiny = uk.unlearn(half, "npo", optimizer="signsgd", lr=1e-7, steps=1, batch_size=4, progress=False)
    assert tiny.cost.moved_fraction < 0.01
    whole = dataclasses.replace(half, model=copy.deepcopy(half.model).float())
    float32 = uk.unlearn(whole, "npo", optimizer="signsgd", lr=1e-7, steps=1, batch_size=4, progress=False)
    assert float32.cost.moved_fraction > 0.5


def test_the_target_keeps_its_dtype(half, run):
    assert {weight.dtype for weight in half.model.parameters()} == {torch.bfloat16}


def _sign_steps(lab):
    return uk.unlearn(lab, "npo", optimizer="signadam", lr=LR, steps=STEPS, batch_size=4, progress=False)
