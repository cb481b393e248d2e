"""The estimates on average, for every law, against what can be computed on paper.

With f = sum_j c_j x_j^3 the central difference along u is sum_j c_j (3 x_j^2 u_j + mu^2 u_j^3). Times u_i, on
average, only j = i is left: c_i (3 x_i^2 + mu^2 E u_i^4), since E u_i^2 = 1. The fourth moment is the law's:

    normal           E u^4 = 3                     3 x^2 + 3 mu^2
    sphere sqrt(d)   d^2 * 3 / (d (d + 2))         3 x^2 + 3 mu^2 d / (d + 2)
    signs            1                             3 x^2 + mu^2

The first two are the slopes of a smoothed loss: E (x + b)^3 has slope 3 x^2 + 3 E b^2, and E b^2 is mu^2 for
normal b, mu^2 d / (d + 2) in the ball of radius mu sqrt(d) (Flaxman et al.). That of signs would be
3 x^2 + 3 mu^2: their estimate is of no smoothed loss, and unbiased up to O(mu^2) only.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.optim import Directions, forward_difference, two_point
from unlearnkit.randomness import leave_global_state

LAWS = ("sphere", "gaussian", "rademacher", "unit sphere")
FOURTH = {"gaussian": 3.0, "sphere": 1.5, "rademacher": 1.0, "unit sphere": 1.5}  # of two weights
CURVES = torch.tensor([1.0, 4.0, 0.2, 2.0, 5.0], dtype=torch.float64)
CUBES = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0], dtype=torch.float64)
PLACE = torch.linspace(-0.5, 0.5, 5, dtype=torch.float64)

laws = pytest.mark.parametrize("law", LAWS)
differences = pytest.mark.parametrize("difference", [two_point, forward_difference])


@pytest.fixture(autouse=True)
def without_dropout():
    """Thousands of estimates of losses that draw nothing: the global generators need not be kept."""
    with leave_global_state():
        yield


def many(loss_of, place, count, *, law, difference=two_point, queries=1, radius=1e-3):
    """The gradients of many steps, a row each; `loss_of` takes the weight."""
    weight = place.clone()
    return torch.stack(
        [
            difference(
                lambda: loss_of(weight), [weight], directions=Directions(law, seed=8), queries=queries,
                radius=radius, step=step, name="test",
            )[1][0]
            for step in range(count)
        ]
    )  # fmt: skip


def standard_errors(samples, expected):
    """How far the mean of samples is from what it should be, at most over the coordinates."""
    stderr = samples.std(dim=0) / len(samples) ** 0.5
    return ((samples.mean(dim=0) - expected).abs() / (stderr + 1e-12)).max().item()


def gain(law, d=5):
    """What an estimate is of: the gradient, or a part of it."""
    return 1 / d if law == "unit sphere" else 1.0


def quadratic(weight):
    return (CURVES * weight.square()).sum() / 2 + (CUBES * weight).sum()


def cubic(weight):
    return (CUBES * weight.pow(3)).sum()


def line(weight):
    return (torch.linspace(-1, 2, len(weight), dtype=torch.float64) * weight).sum()


@laws
@differences
def test_on_a_quadratic_it_is_unbiased_at_any_radius(law, difference):
    samples = many(quadratic, PLACE, 500, law=law, difference=difference, radius=0.5)
    assert standard_errors(samples, gain(law) * (CURVES * PLACE + CUBES)) < 4


@laws
@differences
def test_on_a_cubic_the_bias_is_that_of_the_fourth_moment(law, difference):
    place, cubes = torch.tensor([0.3, -0.2], dtype=torch.float64), torch.tensor([1.0, -0.5])

    def loss_of(weight):
        return (cubes * weight.pow(3)).sum()

    samples = many(loss_of, place, 1200, law=law, difference=difference, radius=0.7)
    for fourth in (1.0, 1.5, 3.0):
        off = standard_errors(samples, gain(law, 2) * cubes * (3 * place.square() + 0.49 * fourth))
        assert off < 4 if fourth == FOURTH[law] else off > 4, f"the check has no power against {fourth}"


def test_signs_estimate_the_slope_of_no_smoothed_loss():
    # the loss smoothed over signs has slope 3 x² + 3 mu², the estimate a mean of 3 x² + mu²
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    x = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    (smoothed,) = torch.autograd.grad((x + 0.5 * signs).pow(3).mean(), x)
    assert smoothed.item() == pytest.approx(0.27 + 3 * 0.25)
    (found,) = many(lambda w: w.pow(3).sum(), x.detach(), 1, law="rademacher", radius=0.5)
    assert found.item() == pytest.approx(0.27 + 0.25)


@pytest.mark.parametrize("queries", [1, 4])
@laws
def test_the_squared_length_is_that_of_the_formula(law, queries):
    # (d + q + 1) / q for normal directions, whose length varies; (d + q - 1) / q where it is sqrt(d)
    slope = torch.linspace(-1, 2, 20, dtype=torch.float64)
    found = many(line, torch.zeros(20, dtype=torch.float64), 400, law=law, queries=queries)
    factor = (20 + queries + (1 if law == "gaussian" else -1)) / queries
    lengths = found.square().sum(dim=1, keepdim=True)
    assert standard_errors(lengths, gain(law, 20) ** 2 * factor * slope.square().sum()) < 4


@laws
def test_the_squared_cosine_is_one_over_d_and_less_than_q_over_d(law):
    slope, start = torch.linspace(-1, 2, 20, dtype=torch.float64)[None], torch.zeros(20, dtype=torch.float64)
    one, eight = (
        F.cosine_similarity(many(line, start, count, law=law, queries=queries), slope).square()[:, None]
        for queries, count in ((1, 400), (8, 200))
    )
    assert standard_errors(one, torch.tensor([1 / 20])) < 4
    upper = eight.mean() + 4 * eight.std() / 200**0.5
    assert 1 / 20 < eight.mean() < upper < 8 / 20


def test_a_forward_slope_is_off_by_the_radius_times_half_the_curvature_along_u():
    # f(x + mu u) - f(x) = mu g·u + mu²/2 uᵀHu: the central difference has no such term
    u = Directions("gaussian", seed=8).draw([PLACE], "direction", 0, 0)[0]
    exact, bend = ((CURVES * PLACE + CUBES) * u).sum(), (CURVES * u.square()).sum() / 2
    for radius in (0.5, 0.05, 0.005):
        (ahead,) = many(quadratic, PLACE, 1, law="gaussian", difference=forward_difference, radius=radius)
        (middle,) = many(quadratic, PLACE, 1, law="gaussian", radius=radius)
        torch.testing.assert_close(ahead, (exact + radius * bend) * u, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(middle, exact * u, rtol=1e-9, atol=1e-9)


def test_a_forward_difference_takes_one_centre_for_all_and_tells_its_loss():
    weight, seen = PLACE.clone(), []
    loss, _ = forward_difference(
        lambda: seen.append(weight.clone()) or quadratic(weight), [weight], directions=Directions(),
        queries=3, radius=0.1, step=0, name="test",
    )  # fmt: skip
    assert len(seen) == 4
    assert torch.equal(seen[0], PLACE)
    assert loss.item() == quadratic(PLACE).item()
    assert torch.equal(weight, PLACE)


def test_the_unit_sphere_is_the_sphere_without_its_factor():
    # 2510.00761 prints (f(x + mu u) - f(x - mu u)) / (2 mu) u with u of length 1; here mu is radius sqrt(d)
    u = Directions("sphere", seed=8).draw([PLACE], "direction", 0, 0)[0] / 5**0.5
    mu = 0.1 * 5**0.5
    assert u.norm().item() == pytest.approx(1.0)
    expected = (cubic(PLACE + mu * u) - cubic(PLACE - mu * u)) / (2 * mu) * u
    (found,) = many(cubic, PLACE, 1, law="unit sphere", radius=0.1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_the_factor_of_the_unit_sphere_counts_the_weights_that_move():
    weight = torch.zeros(400, dtype=torch.float64)
    found = []
    for law in ("sphere", "unit sphere"):
        directions = Directions(law, density=0.25, seed=1)
        found.append(
            two_point(
                weight.sum, [weight], directions=directions, queries=1, radius=0.1, step=0, name="test"
            )[1][0]
        )
    moved = int((found[0] != 0).sum())
    assert 50 < moved < 150
    torch.testing.assert_close(found[1] * moved, found[0])
