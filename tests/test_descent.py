"""The loop takes the steps that torch would, and reports the loss before each."""

from __future__ import annotations

import math

import pytest
import torch

from unlearnkit.descent import descend

BATCHES = [torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 1.0]), torch.tensor([0.5, 4.0])]


def quadratic(weight):
    """Half the squared distance to a batch: its gradient is weight - batch."""
    return lambda batch: (weight - batch).square().sum() / 2


def test_three_steps_by_hand():
    # weight <- weight - 0.5 (weight - batch), from (0, 0)
    weight = torch.nn.Parameter(torch.zeros(2))
    losses = list(descend(torch.optim.SGD([weight], lr=0.5), quadratic(weight), BATCHES))
    # 2.5 at (0, 0); then (0.5, 1): (3.5² + 0²)/2; then (-1.25, 1): (1.75² + 3²)/2
    assert losses == pytest.approx([2.5, 6.125, 6.03125])
    assert weight.tolist() == pytest.approx([-0.375, 2.5])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_those_of_a_loop_written_out(momentum):
    ours, theirs = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    list(descend(torch.optim.SGD([ours], lr=0.1, momentum=momentum), quadratic(ours), BATCHES * 3))
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=momentum)
    for batch in BATCHES * 3:
        optimizer.zero_grad()
        quadratic(theirs)(batch).backward()
        optimizer.step()
    assert torch.equal(ours, theirs)


def test_gradients_are_scaled_down_to_the_norm_and_never_up():
    # gradients (-3, -4), norm 5, scaled to 1: (-0.6, -0.8); then norm 0.5, left alone
    weight = torch.nn.Parameter(torch.zeros(2))
    batches = [torch.tensor([3.0, 4.0]), torch.tensor([0.9, 0.4])]
    steps = descend(torch.optim.SGD([weight], lr=1.0), quadratic(weight), batches, max_grad_norm=1.0)
    next(steps)
    assert weight.tolist() == pytest.approx([0.6, 0.8], abs=1e-5)
    next(steps)
    assert weight.tolist() == pytest.approx([0.9, 0.4], abs=1e-5)


def test_a_gradient_is_not_carried_over_to_the_next_step():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.full((2,), 100.0)  # left by somebody else
    list(descend(torch.optim.SGD([weight], lr=1.0), quadratic(weight), BATCHES[:1]))
    assert weight.tolist() == [1.0, 2.0]


def test_nothing_happens_before_it_is_asked_for_and_no_step_too_many():
    weight = torch.nn.Parameter(torch.zeros(2))
    drawn = []
    steps = descend(torch.optim.SGD([weight], lr=0.5), quadratic(weight), _watched(BATCHES, drawn))
    assert drawn == []
    next(steps)
    assert len(drawn) == 1
    assert weight.tolist() == [0.5, 1.0]


class Probe(torch.optim.Optimizer):
    """An optimizer that calls the closure twice and steps by hand, as a zeroth-order one would."""

    needs_closure = "loss"

    def step(self, closure):
        (weight,) = self.param_groups[0]["params"]
        with torch.no_grad():
            before = closure()
            self.gradients = weight.grad
            weight.add_(1.0)
            closure()
        return before


def test_an_optimizer_that_needs_a_closure_gets_one_of_the_batch_and_no_gradient():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = Probe([weight], {})
    losses = list(descend(optimizer, quadratic(weight), BATCHES[:2], max_grad_norm=1e-9))
    assert losses == pytest.approx([2.5, 8.0])  # (1, 1) to (-3, 1): 16 / 2
    assert optimizer.gradients is None
    assert weight.tolist() == [2.0, 2.0]


def test_a_loss_that_is_no_number_is_handed_on():
    weight = torch.nn.Parameter(torch.zeros(2))
    losses = list(descend(torch.optim.SGD([weight], lr=1.0), quadratic(weight), [torch.full((2,), math.nan)]))
    assert math.isnan(losses[0])


def _watched(batches, drawn):
    for batch in batches:
        drawn.append(batch)
        yield batch
