"""AdaZO by hand: R-AdaZO's moments on an estimate that chance has no part in.

Of one weight, directions on the sphere are 1 or -1, and on a quadratic the estimate is the gradient itself.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.optim import AdaZO, Directions, two_point
from unlearnkit.optim.zeroth_order.refined_moments import RefinedMoments


def one_weight():
    return torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))


def test_two_steps_by_hand():
    # f = 1.5 x², so g = 3 x; b1 = 0.9, b2 = 0.99, v from m², no bias correction
    weight = one_weight()
    adazo = AdaZO([weight], lr=0.01, queries=1)
    # g 3, m 0.3, v 0.01 * 0.09 = 0.0009, step 0.01 * 0.3 / 0.03
    adazo.step(lambda: 1.5 * weight.square().sum())
    assert weight.item() == pytest.approx(0.9, rel=1e-6)
    # g 2.7, m 0.27 + 0.27 = 0.54, v 0.000891 + 0.01 * 0.2916 = 0.003807, step 0.01 * 0.54 / 0.0617009
    adazo.step(lambda: 1.5 * weight.square().sum())
    assert weight.item() == pytest.approx(0.9 - 0.0875190, rel=1e-6)
    state = adazo.state[weight]
    assert (state["m"].item(), state["v"].item()) == pytest.approx((0.54, 0.003807), rel=1e-6)


@pytest.mark.parametrize("b2", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("b1", [0.0, 0.9])
def test_the_first_step_is_the_rate_over_the_root_of_one_minus_b2(b1, b2):
    weight = one_weight()
    AdaZO([weight], lr=0.001, betas=(b1, b2)).step(lambda: 5 * weight.square().sum())
    assert 1 - weight.item() == pytest.approx(0.001 / (1 - b2) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("eps", [1e-8, 0.3])
def test_the_moments_are_the_formula_in_numpy(eps):
    gradients = np.random.default_rng(0).normal(size=(12, 50))
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 50, dtype=torch.float64))
    rule = RefinedMoments([weight], 0.01, betas=(0.8, 0.95), eps=eps, seed=0)
    theta, m, v = weight.detach().numpy().copy(), np.zeros(50), np.zeros(50)
    for g in gradients:
        rule.move({weight: torch.tensor(g)})
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * m**2
        theta = theta - 0.01 * m / (np.sqrt(v) + eps)
        np.testing.assert_allclose(weight.detach().numpy(), theta, rtol=1e-10)


def test_what_it_averages_is_the_two_point_estimate_of_its_step():
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 10, dtype=torch.float64))
    adazo = AdaZO([weight], lr=0.01, queries=3, radius=0.1, directions="gaussian", seed=7)
    before, m = None, torch.zeros(10, dtype=torch.float64)
    for step in range(3):
        before = weight.detach().clone()
        loss = adazo.step(lambda: weight.pow(3).sum())
        expected_loss, (g,) = two_point(
            lambda at=before: at.pow(3).sum(), [before], directions=Directions("gaussian", seed=7), queries=3,
            radius=0.1, step=step, name="test",
        )  # fmt: skip
        m = 0.9 * m + 0.1 * g
        torch.testing.assert_close(adazo.state[weight]["m"], m)
        assert loss.item() == expected_loss.item()


@pytest.mark.parametrize("queries", [1, 5])
def test_a_step_looks_twice_a_query_and_records_no_gradient(queries):
    weight, seen = one_weight(), []
    adazo = AdaZO([weight], queries=queries)
    adazo.step(lambda: seen.append(torch.is_grad_enabled()) or weight.sum())
    assert seen == [False] * (2 * queries)
    assert adazo.forward_equivalents == 2 * queries


def test_the_catalogue_states_its_default_price():
    (price,) = uk.optim.catalogue().query("name == 'adazo'").forward_equivalents
    assert AdaZO([one_weight()]).forward_equivalents == price


def test_a_gradient_left_by_somebody_else_is_not_looked_at():
    ends = []
    for left in (None, torch.full((1,), 1e6, dtype=torch.float64)):
        weight = one_weight()
        weight.grad = left
        AdaZO([weight], lr=0.01).step(lambda: weight.square().sum())  # noqa: B023 - called at once
        ends.append(weight.item())
        assert weight.grad is left
    assert ends[0] == ends[1]


def test_a_weight_in_two_models_moves_once():
    tied = one_weight()
    adazo = AdaZO([tied, tied], lr=0.01)
    adazo.step(lambda: tied.square().sum())
    assert len(adazo.weights) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": 0.0}, BadInput, "lr must be"),
        ({"queries": 0}, BadInput, "queries must be"),
        ({"radius": 0.0}, BadInput, "radius must be"),
        ({"eps": 0.0}, BadInput, "eps must be"),
        ({"betas": (0.9, 1.0)}, BadInput, r"betas\[1\] must be"),
        ({"betas": (0.9,)}, BadInput, "two numbers are needed"),
        ({"directions": "cube"}, UnknownName, "cube"),
        ({"seed": "a"}, BadInput, "seed must be"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        AdaZO([one_weight()], **options)
