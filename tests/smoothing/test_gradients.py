"""Three gradients of one smoothed loss: each is the closed form, and they agree within their noise."""

from __future__ import annotations

import json
import math

import pytest
import torch

import unlearnkit as uk
from unlearnkit.smoothing import Formula, compare_gradients
from unlearnkit.smoothing.around import around
from unlearnkit.smoothing.estimators import ESTIMATORS, Look
from unlearnkit.smoothing.gradients import METHODS
from unlearnkit.smoothing.moments import Moments

from .closed_forms import FORMULAS, SIZE, Stops, gradient, quadratic, vector

ALL = tuple(ESTIMATORS)


def linear(scale: float = 1.0) -> Formula:
    return Formula(lambda w: scale * (w @ vector(2)) + 3.0, torch.zeros(SIZE).double())


@pytest.mark.parametrize("law", ["gaussian", "ball"])
@pytest.mark.parametrize("name", FORMULAS)
def test_every_way_gives_the_gradient_of_the_smoothed_loss(name, law):
    sigma = 0.7 if law == "gaussian" else 1.5
    found = compare_gradients(FORMULAS[name](), sigma=sigma, samples=600, law=law)
    truth = gradient(name, law, sigma)
    for one in found.estimates.values():
        errors = (one.mean - truth) / (one.variance / one.samples).sqrt()
        assert errors.abs().max() < 4, one.method
        assert abs((one.mean - truth).norm()) < 2 * one.stderr
    assert all(pair.agree for pair in found.agreements)
    assert len(found.agreements) == 6
    assert found.words.count("All agree within 4 standard errors.") == 1


def test_without_the_factor_d_the_sphere_gives_the_gradient_over_d():
    found = compare_gradients(quadratic(), sigma=0.8, samples=600, law="ball", methods=ALL)
    truth, printed = gradient("quadratic", "ball", 0.8), found.estimates["as printed"]
    assert (printed.mean * SIZE - truth).norm() < 2 * SIZE * printed.stderr
    assert (printed.mean - truth).norm() > 50 * printed.stderr
    others = [pair for pair in found.agreements if "as printed" in (pair.first, pair.second)]
    assert len(others) == 4
    assert not any(pair.agree for pair in others if pair.first != "score")
    assert f"it is the gradient over {SIZE}" in found.words
    assert "do not agree" not in found.words


def test_the_score_on_the_sphere_is_the_integral_over_the_ball():
    """By quadrature in two dimensions: the mean slope in the disc is the flux through its rim."""
    formula = Formula(lambda w: (w[0] * w[1]).sin() + w[0].pow(3), torch.tensor([0.3, 0.8]).double())
    found = compare_gradients(formula, sigma=0.9, samples=2000, law="ball", methods=["score, baseline"])
    angle = torch.arange(4000, dtype=torch.float64) * (2 * math.pi / 4000)
    u = torch.stack([angle.cos(), angle.sin()])
    x, y = torch.tensor([[0.3], [0.8]]).double() + 0.9 * u
    rim = (2 / 0.9) * (((x * y).sin() + x**3) * u).mean(dim=1)
    radius = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    x, y = (start + 0.9 * torch.outer(radius, part) for start, part in zip((0.3, 0.8), u, strict=True))
    slopes = torch.stack([y * (x * y).cos() + 3 * x**2, x * (x * y).cos()])
    disc = (slopes * radius[None, :, None]).mean(dim=(1, 2)) * 2
    assert torch.allclose(rim, disc, rtol=1e-4)
    (one,) = found.estimates.values()
    assert ((one.mean - disc) / (one.variance / one.samples).sqrt()).abs().max() < 4


@pytest.mark.parametrize(
    ("law", "method", "directions"),
    [
        ("gaussian", "two-point", "gaussian"),
        ("ball", "two-point", "sphere"),
        ("ball", "as printed", "unit sphere"),
    ],
)
def test_two_point_is_what_the_optimizers_step_along(law, method, directions):
    weights = vector(0).float()
    formula = Formula(lambda w: w.pow(3).sum(), weights)
    radius = 0.2 if law == "gaussian" else 0.2 / SIZE**0.5
    query = 0 if method == "two-point" else 4
    with around(formula) as at:
        ours = ESTIMATORS[method](Look(at, law, 0.2, 9, 0.0), 3)
    here = weights.clone()
    _, theirs = uk.optim.two_point(
        lambda: here.pow(3).sum(), [here], directions=uk.optim.Directions(directions, seed=9),
        queries=1 + query, radius=radius, step=3, name="test",
    )  # fmt: skip
    _, without = uk.optim.two_point(
        lambda: here.pow(3).sum(), [here], directions=uk.optim.Directions(directions, seed=9),
        queries=max(1, query), radius=radius, step=3, name="test",
    )  # fmt: skip
    last = theirs[0] if not query else theirs[0] * (query + 1) - without[0] * query
    assert torch.allclose(ours.float(), last, rtol=1e-3, atol=1e-4)


# Variance and cost


def test_variances_are_those_of_a_linear_function():
    found = compare_gradients(linear(), sigma=0.5, samples=1000)
    square = float(vector(2) @ vector(2))
    expected = {
        "first order": 0.0,
        "two-point": (SIZE + 1) * square,
        "score, baseline": (SIZE + 1) * square,
        "score": (SIZE + 1) * square + SIZE * 3.0**2 / 0.5**2,
    }
    for name, value in expected.items():
        assert found.estimates[name].total_variance == pytest.approx(value, rel=0.15, abs=1e-20)


def test_costs_are_those_of_passes():
    found = compare_gradients(linear(), samples=8)
    costs = {name: one.cost for name, one in found.estimates.items()}
    assert costs == {"first order": 3.0, "two-point": 2.0, "score": 1.0, "score, baseline": 1.125}
    one = found.estimates["two-point"]
    assert one.variance_times_cost == pytest.approx(2 * one.total_variance)
    assert one.stderr == pytest.approx(math.sqrt(one.total_variance / 8))


def test_the_least_variance_at_equal_cost_is_named():
    found = compare_gradients(quadratic(), sigma=0.1, samples=50)
    least = min(found.estimates.values(), key=lambda one: one.total_variance * one.cost)
    assert f"At equal cost {least.method} has the least variance" in found.words
    assert least.method == "first order"


def test_moments_are_numpys():
    samples = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)).double() + 1e3
    moments = Moments()
    for sample in samples:
        moments.add(sample)
    assert torch.allclose(moments.mean, torch.from_numpy(samples.numpy().mean(axis=0)))
    assert torch.allclose(moments.variance, torch.from_numpy(samples.numpy().var(axis=0, ddof=1)))


# Agreement


def test_agreement_is_in_units_of_standard_error():
    found = compare_gradients(quadratic(), sigma=0.5, samples=200)
    pair = found.agreement("two-point", "first order")
    one, other = (found.estimates[name] for name in (pair.first, pair.second))
    assert pair.apart == pytest.approx(
        float((one.mean - other.mean).norm()) / math.hypot(one.stderr, other.stderr)
    )
    ahead = gradient("quadratic", "gaussian", 0.5)
    component = float((one.mean - other.mean) @ ahead / ahead.norm())
    assert pair.along == pytest.approx(component / math.hypot(one.along_stderr, other.along_stderr))


def test_means_that_differ_do_not_agree():
    found = compare_gradients(
        quadratic(), sigma=0.5, samples=400, law="ball", methods=["two-point", "as printed"]
    )
    pair = found.agreement("as printed", "two-point")
    assert not pair.agree
    assert abs(pair.along) > 10


def test_ways_have_draws_of_their_own():
    found = compare_gradients(linear(), sigma=0.5, samples=2, methods=["two-point", "score, baseline"])
    one, other = found.estimates.values()
    assert not torch.allclose(one.mean, other.mean, rtol=0.01)


def test_same_seed_same_bits_and_other_seed_other_ones():
    first, again, other = (compare_gradients(quadratic(), samples=4, seed=seed) for seed in (0, 0, 1))
    for name in METHODS:
        assert torch.equal(first.estimates[name].mean, again.estimates[name].mean)
        assert not torch.equal(first.estimates[name].mean, other.estimates[name].mean)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 4, 15, 30])
def test_weights_are_back_to_the_bit_after_an_error(error, at):
    loss = Stops(error, at)
    with pytest.raises(error, match="stopped"):
        compare_gradients(loss, samples=8)
    assert loss.restored()


def test_a_model_gets_no_gradient_in_its_grad(make_llama, toy_batches):
    model = make_llama(0)
    found = compare_gradients(uk.TokenMeanLoss(model, toy_batches), sigma=0.02, samples=20)
    assert all(weight.grad is None for weight in model.parameters())
    assert found.agreement("first order", "two-point").agree
    assert found.parameters == sum(weight.numel() for weight in model.parameters())


def test_results_are_plain_and_readable():
    found = compare_gradients(quadratic(), samples=4)
    assert json.loads(json.dumps(found.to_dict()))["estimates"]["score"]["samples"] == 4
    assert "two-point" in found._repr_html_()
