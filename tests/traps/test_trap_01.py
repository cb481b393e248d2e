"""Trap 1: a small step of a weight kept in bfloat16 rounds away, and so does every step after it."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from functools import partial

import pytest
import torch

import unlearnkit as uk
from unlearnkit.optim import MasterWeights, create


def half_weights(low, high):
    """All numbers of bfloat16 above `low` and below `high`, both signs."""
    every = torch.arange(2**15, dtype=torch.int16).view(torch.bfloat16)
    inside = every[(every.float() > low) & (every.float() < high)]
    return torch.cat([inside, -inside])


def moved(weights, step):
    """Which weights a step moves, upwards and downwards, in their own dtype."""
    return torch.stack([(weights + sign * step).to(weights.dtype) != weights for sign in (1, -1)])


@pytest.mark.parametrize(("step", "power"), [(1e-5, -8), (1e-4, -5)])
def test_a_step_is_lost_above_one_power_of_two_and_arrives_below(step, power):
    assert not moved(half_weights(2.0**power, 4.0), step).any()
    assert moved(half_weights(1e-6, 2.0**power), step).all()
    assert moved(half_weights(2.0**power, 4.0).float(), step).all()  # float32 loses none of them


@pytest.mark.parametrize("name", ["adam", "signsgd"])
def test_masters_add_up_what_steps_in_place_lose(name):
    start = half_weights(0.02, 0.3)
    ends = []
    for wrap in (
        partial(create, name),
        lambda groups, lr: MasterWeights(groups, partial(create, name, lr=lr)),
    ):
        weight = torch.nn.Parameter(start.clone())
        optimizer = wrap([weight], lr=1e-5)
        for _ in range(200):
            weight.grad = torch.ones_like(weight)
            optimizer.step()
        ends.append(weight.detach())
    in_place, summed = ends
    assert torch.equal(in_place, start)
    wanted = start.double() - 200e-5
    assert ((summed.double() - wanted).abs() <= (wanted.bfloat16().double() - wanted).abs() + 1e-6).all()


def test_unlearning_moves_a_half_precision_model_as_its_float32_twin(toy):
    half = replace(toy, model=copy.deepcopy(toy.model).bfloat16())
    twin = replace(toy, model=copy.deepcopy(half.model).float())
    chosen = {"at": [3], "lr": 1e-4, "batch_size": 4, "seed": 0}
    ours, whole = (ended(lab, optimizer="signadam", **chosen) for lab in (half, twin))
    pairs = list(zip(ours.parameters(), whole.parameters(), strict=True))
    assert all(torch.equal(one, other.bfloat16()) for one, other in pairs)
    told, fully = (
        uk.unlearning.displacement(model, lab.model)["moved_fraction"]
        for model, lab in ((ours, half), (whole, twin))
    )
    assert 0 < told < 0.9 < fully  # what was rounded away is said


def ended(lab, **chosen):
    """The model at the end of a short run, in the type of the testbed's."""
    (last,) = uk.unlearning.checkpoints(lab, "npo", **chosen)
    return last.problem.finished_model()


def test_the_moved_fraction_is_what_the_spacing_foretells():
    weights = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).mul(0.1).bfloat16()
    weight = torch.nn.Parameter(weights)
    masters = MasterWeights([weight], partial(torch.optim.SGD, lr=1e-4))
    weight.grad = torch.ones_like(weight)
    masters.step()
    spacing = torch.tensor([2.0 ** (math.floor(math.log2(abs(w))) - 7) for w in weights.tolist() if w])
    assert masters.moved_fraction == pytest.approx((spacing / 2 < 1e-4).float().mean().item(), abs=0.01)
