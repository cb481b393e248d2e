"""SOUL's variant by hand, and what its momentum does when it is averaged twice."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import Signum, SoulSophia


def run(gradients, **options):
    """Where two weights go along these gradients, and the optimizer."""
    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0], dtype=torch.float64))
    soul = SoulSophia([weight], **{"lr": 0.1, **options})
    for gradient in gradients:
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        soul.step()
    return weight.tolist(), soul


def test_two_steps_by_hand():
    # rho bs = 4; h 0.5 * g², m 0.5 * g. g 1 and 0.1: ratios 0.5 / 2 and 0.05 / 0.02, clipped
    options = {"betas": (0.5, 0.5), "rho": 0.04, "bs": 100, "weight_decay": 0.5}
    first, soul = run([[1.0, 0.1]], **options)
    assert first == pytest.approx([0.95 - 0.025, -0.95 - 0.1], rel=1e-12)
    assert soul.clipped_share == 0.5
    # then g -1 and 0: m 0.25 - 0.5 and 0.025, h 0.25 + 0.5 and 0.0025: ratios -0.25 / 3 and 2.5
    second, _ = run([[1.0, 0.1], [-1.0, 0.0]], **options)
    assert second == pytest.approx([0.925 * 0.95 + 0.1 * 0.25 / 3, -1.05 * 0.95 - 0.1], rel=1e-12)


def test_the_defaults_are_souls():
    group = run([])[1].param_groups[0]
    assert (group["betas"], group["rho"], group["bs"], group["eps"]) == ((0.9, 0.95), 0.04, 5120, 1e-15)
    assert run([])[1].clipped_share is None


@pytest.mark.parametrize("b1", [0.5, 0.9])
def test_momentum_averaged_twice_is_one_average_with_its_square(b1):
    gradients = [[1.0, 0.1], [-0.3, 0.2], [2.0, -0.4]]
    twice, _ = run(gradients, betas=(b1, 0.95), momentum_twice=True)
    once, _ = run(gradients, betas=(b1**2, 0.95))
    assert twice == pytest.approx(once, rel=1e-12)
    assert twice != pytest.approx(run(gradients, betas=(b1, 0.95))[0], rel=1e-3)


def test_where_all_clips_it_is_signum():
    weights = [torch.nn.Parameter(torch.ones(50)) for _ in range(2)]
    soul, signum = SoulSophia(weights[:1], lr=0.01), Signum(weights[1:], lr=0.01, momentum=0.9)
    draw = torch.Generator().manual_seed(0)
    for _ in range(10):
        gradient = 1e-5 * torch.randn(50, generator=draw).add(3.0)  # small, as in a language model
        for weight, optimizer in zip(weights, (soul, signum), strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
        assert soul.clipped_share == 1.0
        torch.testing.assert_close(*weights, rtol=0, atol=1e-6)


def test_the_share_is_of_the_weights_that_have_a_gradient():
    used, unused = (torch.nn.Parameter(torch.ones(4)) for _ in range(2))
    soul = SoulSophia([used, unused], lr=0.1)
    used.grad = torch.tensor([1e-6, 1e-6, 1e-6, 10.0])
    soul.step()
    assert soul.clipped_share == 0.75
    assert unused.tolist() == [1.0] * 4


@pytest.mark.parametrize("options", [{"rho": 0.0}, {"bs": -1}, {"momentum_twice": "yes"}, {"eps": 0.0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        run([], **options)
