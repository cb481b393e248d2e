"""Trap 17: SOUL's Sophia averages each gradient into its momentum twice a step, under a fixed batch size."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk

GRADIENTS = [
    torch.tensor([0.3, -0.02, 1e-4]),
    torch.tensor([-0.1, 0.05, 2e-4]),
    torch.tensor([0.2, 0.0, -1e-4]),
]
LR, RHO, B1, B2 = 1e-2, 0.04, 0.9, 0.95


def by_hand(twice: bool, bs: float) -> torch.Tensor:
    """Weights after the gradients above, from SOUL's recurrence in float64."""
    weight = torch.ones(3, dtype=torch.float64)
    m, h = torch.zeros_like(weight), torch.zeros_like(weight)
    for given in GRADIENTS:
        g = given.double()
        h = B2 * h + (1 - B2) * g * g
        for _ in range(2 if twice else 1):
            m = B1 * m + (1 - B1) * g
        weight = weight - LR * m.sign() * (m.abs() / (RHO * bs * h + 1e-15)).clamp(max=1)
    return weight


def stepped(**options) -> torch.Tensor:
    """Weights after the gradients above, by the optimizer."""
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = uk.optim.create("soul_sophia", [weight], lr=LR, rho=RHO, betas=(B1, B2), **options)
    for gradient in GRADIENTS:
        weight.grad = gradient.double()
        optimizer.step()
    return weight.detach()


def test_momentum_is_averaged_once_a_step_and_twice_where_souls_code_is_asked_for():
    once, twice = by_hand(False, 5120), by_hand(True, 5120)
    assert (once - twice).abs().max() > 1e-3
    torch.testing.assert_close(stepped(), once, rtol=1e-9, atol=0)
    torch.testing.assert_close(stepped(momentum_twice=True), twice, rtol=1e-9, atol=0)


def test_the_batch_size_stands_at_5120_until_the_real_one_is_given():
    assert (by_hand(False, 5120) - by_hand(False, 64)).abs().max() > 1e-3
    torch.testing.assert_close(stepped(bs=64), by_hand(False, 64), rtol=1e-9, atol=0)


def test_no_weight_moves_by_more_than_the_rate():
    assert (stepped() - 1).abs().max() <= 3 * LR * (1 + 1e-9)


def test_its_curvature_is_the_batchs_own_gradient_squared_and_sophias_is_not():
    # L = (w - 3)^2 / 2 at w = 1: the gradient squared is 4, the curvature 1
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    soul = uk.optim.create("soul_sophia", [weight], lr=1e-9, betas=(0.0, 0.0))
    ((weight - 3) ** 2 / 2).sum().backward()
    soul.step()
    assert soul.state[weight]["h"].item() == pytest.approx(4.0)
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    sophia = uk.optim.create("sophia", [weight], lr=1e-9, betas=(0.0, 0.0), max_grad_norm=None)
    sophia.step(lambda: (weight - 3).square().sum() / 2)
    assert sophia.state[weight]["h"].item() == pytest.approx(1.0, rel=1e-6)
