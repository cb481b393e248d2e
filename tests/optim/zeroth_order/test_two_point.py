"""The two-point estimate: what one is made of, and what it leaves alone.

What it is on average, and how noisy, is in test_closed_forms.py.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import unlearnkit as uk
from unlearnkit.optim import Directions, two_point

LAWS = ("sphere", "gaussian", "rademacher")
SLOPES = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0, -1.0], dtype=torch.float64)
CURVES = torch.tensor([1.0, 4.0, 0.2, 2.0, 5.0, 1.0], dtype=torch.float64)

laws = pytest.mark.parametrize("law", LAWS)


def estimate(loss_of, weights, *, law="gaussian", queries=1, radius=1e-3, step=0, seed=0):
    """The mean loss and the gradient of one estimate; one weight may stand for a list of one."""
    listed = weights if isinstance(weights, list) else [weights]
    loss, gradient = two_point(
        loss_of, listed, directions=Directions(law, seed=seed), queries=queries, radius=radius, step=step,
        name="test",
    )  # fmt: skip
    return loss, gradient if isinstance(weights, list) else gradient[0]


def standard_errors(samples, expected):
    """How far the mean of samples is from what it should be, at most over the coordinates."""
    stderr = samples.std(dim=0) / len(samples) ** 0.5
    return ((samples.mean(dim=0) - expected).abs() / stderr).max().item()


def quadratic(weight):
    return lambda: (CURVES * weight.square()).sum() / 2 + (SLOPES * weight).sum()


# On average


def test_the_check_catches_the_unit_sphere_without_its_factor():
    # the formula as 2510.00761 prints it, u on the unit sphere: its mean is the gradient over d
    weight = torch.linspace(-1, 1, 6, dtype=torch.float64)
    draw, radius, loss_of = torch.Generator().manual_seed(0), 0.5, quadratic
    samples = []
    for _ in range(400):
        u = torch.randn(6, generator=draw, dtype=torch.float64)
        u = u / u.norm()
        ends = [loss_of(weight + side * radius * u)() for side in (1, -1)]
        samples.append((ends[0] - ends[1]) / (2 * radius) * u)
    wrong, gradient = torch.stack(samples), CURVES * weight + SLOPES
    assert standard_errors(wrong, gradient) > 10
    assert standard_errors(wrong, gradient / 6) < 4


@pytest.mark.parametrize("law", ["sphere", "rademacher"])
def test_on_a_cubic_of_one_weight_two_laws_leave_no_chance(law):
    # u is 1 or -1: (3 x² u + mu² u³) u = 3 x² + mu²
    weight = torch.tensor([0.3], dtype=torch.float64)
    _, gradient = estimate(lambda: weight.pow(3).sum(), weight, law=law, radius=0.5)
    assert gradient.item() == pytest.approx(0.27 + 0.25, rel=1e-12)


# One estimate


def _bent(weights):
    """A loss with all derivatives, over two weights of different shapes."""
    matrix, vector = weights
    return (matrix @ vector).tanh().square().sum() + (vector * 1.3).exp().sum()


def _two_weights():
    draw = torch.Generator().manual_seed(5)
    return [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((3, 4), (4,))]


@laws
@pytest.mark.parametrize("radius", [0.3, 1e-4])
def test_it_is_the_finite_differences_along_its_directions(law, radius):
    weights, queries = _two_weights(), 3
    loss, found = estimate(lambda: _bent(weights), weights, law=law, queries=queries, radius=radius, step=7)
    expected, total = [torch.zeros_like(weight) for weight in weights], 0.0
    for query in range(queries):
        u = Directions(law, seed=0).draw(weights, "direction", 7, query)
        ends = [_bent([w + side * radius * v for w, v in zip(weights, u, strict=True)]) for side in (1, -1)]
        total += (ends[0] + ends[1]) / (2 * queries)
        expected = [
            e + (ends[0] - ends[1]) / (2 * radius * queries) * v for e, v in zip(expected, u, strict=True)
        ]
    assert loss.item() == pytest.approx(total.item(), rel=1e-12)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_its_slope_is_torchs_directional_derivative():
    # a central difference of radius 1e-4 is off by about 1e-8
    weights = [weight.requires_grad_() for weight in _two_weights()]
    gradients = torch.autograd.grad(_bent(weights), weights)
    _, found = estimate(lambda: _bent(weights), weights, radius=1e-4)
    u = Directions("gaussian", seed=0).draw(weights, "direction", 0, 0)
    slope = sum((g * v).sum() for g, v in zip(gradients, u, strict=True))
    for ours, v in zip(found, u, strict=True):
        torch.testing.assert_close(ours, slope * v, rtol=1e-6, atol=1e-8)


def test_the_loss_that_it_returns_is_the_mean_over_both_sides():
    # on the sphere of radius mu sqrt(d), |w|² is |w|² + mu² d on average over the two sides, whatever u
    weight = torch.tensor([3.0, -4.0, 0.0, 1.0], dtype=torch.float64)
    loss, _ = estimate(lambda: weight.square().sum(), weight, law="sphere", queries=3, radius=0.5)
    assert loss.item() == pytest.approx(26 + 0.25 * 4, rel=1e-12)


def test_every_step_and_every_query_has_a_direction_of_its_own():
    weight = torch.zeros(8, dtype=torch.float64)
    seen = []
    for step in (0, 1):
        estimate(
            lambda: seen.append(weight.clone()) or weight.sum(), weight, queries=2, step=step, radius=1.0
        )
    assert len(seen) == 8
    for plus, minus in zip(seen[::2], seen[1::2], strict=True):
        assert torch.equal(plus, -minus)
    assert len({tuple(place.tolist()) for place in seen}) == 8


def test_both_sides_see_the_same_dropout_and_every_query_another():
    weight, masks = torch.zeros(30), []

    def loss_of():
        masks.append(F.dropout(torch.ones(30), 0.5))
        return (weight * masks[-1]).sum()

    for outside in (1, 2):  # whatever the global state is
        torch.manual_seed(outside)
        estimate(loss_of, weight, queries=3)
    for plus, minus in zip(masks[::2], masks[1::2], strict=True):
        assert torch.equal(plus, minus)
    assert len({tuple(mask.tolist()) for mask in masks}) == 3
    assert all(torch.equal(one, again) for one, again in zip(masks[:6], masks[6:], strict=True))


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_loss_that_is_no_number_gives_a_gradient_that_is_none(value):
    weight = torch.ones(3)
    loss, gradient = estimate(lambda: torch.tensor(value), weight)
    assert not math.isfinite(loss)
    assert gradient.isnan().all()
    assert weight.tolist() == [1.0, 1.0, 1.0]


def test_the_weights_are_left_as_they_were_to_the_bit():
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(1000, generator=draw) * 10 ** (8 * torch.rand(1000, generator=draw) - 8)
    before = weight.clone()
    estimate(lambda: weight.square().sum(), weight, queries=3)
    assert torch.equal(weight, before)


# The radius


def test_the_l2_radius_is_the_length_of_a_step_to_either_side():
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((8, 10), (20,))]
    frozen = torch.nn.Parameter(torch.zeros(500), requires_grad=False)
    adazo = uk.optim.AdaZO([*weights, frozen], queries=1, radius=0.01)
    assert adazo.radius_l2 == pytest.approx(0.01 * 10)  # 100 weights move
    places = []
    adazo.step(lambda: places.append(math.hypot(*(w.norm().item() for w in weights))) or weights[0].sum())
    assert places == pytest.approx([0.1, 0.1], rel=1e-5)


def test_the_l2_radius_counts_the_share_that_moves():
    weight = torch.nn.Parameter(torch.zeros(400))
    assert uk.optim.AdaZO([weight], radius=0.01, density=0.25).radius_l2 == pytest.approx(0.01 * 10)
