"""Rates that a torch scheduler moves, and states that go through a file, for every optimizer."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch.optim import lr_scheduler

from .one_step import LR, NAMES, bowl, make, matrix, take_step

HYBRIDS = [name for name in NAMES if name.startswith("hybrid")]
every = pytest.mark.parametrize("name", NAMES)
# The rate of the second step, as a share of the first one's.
SCHEDULERS = {
    "StepLR": (lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1), 0.1),
    "LambdaLR": (
        lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
        0.5,
    ),
    "CosineAnnealingLR": (
        lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=4),
        0.85355,
    ),
}


def steps(optimizer, weight, count, after=lambda: None):
    """How far each of some steps goes, as tensors."""
    moves = []
    for _ in range(count):
        before = weight.detach().clone()
        take_step(optimizer, lambda: bowl(weight))
        moves.append(weight.detach() - before)
        after()
    return moves


@pytest.mark.parametrize(("name", "taken"), [(name, 0) for name in NAMES] + [(name, 1) for name in HYBRIDS])
@pytest.mark.parametrize("kind", SCHEDULERS)
def test_the_next_step_is_as_much_shorter_as_the_scheduler_says(name, taken, kind):
    # up to that step all is the same, and a step is as long as its rate says; a hybrid's in either block
    weight, plain_weight = matrix(), matrix()
    optimizer, plain = make(name, [weight]), make(name, [plain_weight])
    for one, place in ((optimizer, weight), (plain, plain_weight)):
        steps(one, place, taken)
    make_scheduler, share = SCHEDULERS[kind]
    scheduler = make_scheduler(optimizer)
    first, second = steps(optimizer, weight, 2, after=scheduler.step)
    plain_first, plain_second = steps(plain, plain_weight, 2)
    assert torch.equal(first, plain_first)
    rounding = 1e-6  # of the weights, which are some units large
    assert (second - share * plain_second).norm() <= 1e-3 * plain_second.norm() + rounding


@every
def test_a_scheduler_is_as_good_as_setting_the_rate_by_hand(name):
    weight, by_hand = matrix(), matrix()
    optimizer, other = make(name, [weight]), make(name, [by_hand])
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
    for step in range(6):
        steps(optimizer, weight, 1, after=scheduler.step)
        steps(other, by_hand, 1)
        assert torch.equal(weight, by_hand), step
        other.param_groups[0]["lr"] = optimizer.param_groups[0]["lr"]


@every
def test_a_state_in_a_file_continues_to_the_bit_with_its_scheduler(name):
    straight, broken = matrix(), matrix()
    one, other = make(name, [straight]), make(name, [broken])
    schedulers = [lr_scheduler.StepLR(optimizer, step_size=2) for optimizer in (one, other)]
    steps(one, straight, 5, after=schedulers[0].step)
    steps(other, broken, 5, after=schedulers[1].step)
    saved = through_a_file({"optimizer": other.state_dict(), "scheduler": schedulers[1].state_dict()})
    steps(other, broken, 1)  # the old one goes on, and what was saved does not follow it
    broken.data.copy_(straight)
    fresh = make(name, [broken], lr=123.0)
    scheduler = lr_scheduler.StepLR(fresh, step_size=2)
    fresh.load_state_dict(saved["optimizer"])
    scheduler.load_state_dict(saved["scheduler"])
    steps(one, straight, 6, after=schedulers[0].step)
    steps(fresh, broken, 6, after=scheduler.step)
    assert torch.equal(straight, broken)


def through_a_file(state):
    """Written as torch writes states, and read as safely as it can: tensors and plain values only."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@every
def test_a_copy_of_an_optimizer_with_a_scheduler_moves_its_own_weights(name):
    # a scheduler wraps step(); the wrapper would go on moving the original's
    weight = matrix()
    optimizer = make(name, [weight])
    lr_scheduler.StepLR(optimizer, step_size=1)
    steps(optimizer, weight, 1)
    copied, twin = copy.deepcopy((weight, optimizer))
    before = weight.detach().clone()
    steps(twin, copied, 2)
    assert torch.equal(weight, before)
    assert not torch.equal(copied, before)
    steps(optimizer, weight, 2)
    assert torch.equal(weight, copied)


def test_the_rate_is_what_these_tests_think():
    assert make("adam", [matrix()]).param_groups[0]["lr"] == LR
