"""SatImp has the gradient of 2505.11953; its value is that gradient's integral."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import target_nll
from unlearnkit.objectives import WGA, GradDiff, SatImp
from unlearnkit.objectives.weighed_ascent import weighed_ascent

POWERS = [(5.0, 1.0), (1.0, 0.5), (2.5, 3.0), (0.0, 1.0), (4.0, 0.0), (0.0, 0.0)]


@pytest.mark.parametrize(("beta1", "beta2"), POWERS)
def test_the_value_is_the_integral_of_the_weight(beta1, beta2):
    points = [1e-4, 0.1, 0.9, 1.1, 4.0, 30.0]
    expected = [
        -quad(lambda t: math.exp(-beta1 * t) * (1 - math.exp(-t)) ** beta2, 0, end, epsabs=0, limit=200)[0]
        for end in points
    ]
    found = weighed_ascent(torch.tensor(points, dtype=torch.float64), beta1, beta2)
    assert found.tolist() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("beta1", "beta2"), POWERS)
def test_the_gradient_is_the_papers_with_its_weights_held_constant(beta1, beta2, moved, batches):
    weights = list(moved.parameters())
    nll = target_nll(moved, batches[0])
    p = (-nll).exp().detach()
    theirs = torch.autograd.grad(-(p**beta1 * (1 - p) ** beta2 * nll).mean(), weights)
    ours = torch.autograd.grad(SatImp(beta1=beta1, beta2=beta2).forget_term(moved, batches[0]), weights)
    for mine, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, their, rtol=1e-3, atol=1e-4 * their.abs().max().item())


def test_the_second_derivative_is_the_differences_of_the_first():
    nll = torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: weighed_ascent(x, 5.0, 1.0), (nll,))


@pytest.mark.parametrize(("beta1", "beta2"), [(0.3, 1.0), (0.1, 0.5)])
def test_the_gradient_is_the_finite_difference_in_double(beta1, beta2, double_gpt2, slopes, batches):
    objective = SatImp(beta1=beta1, beta2=beta2, retain_weight=0.0)
    slope, difference = slopes(lambda model: objective(model, *batches), double_gpt2())
    assert slope == pytest.approx(difference, rel=1e-6)


def test_without_powers_it_is_ascent_and_without_importance_wga(moved, batches):
    forget = batches[0]
    ascent = GradDiff().forget_term(moved, forget).item()
    assert SatImp(beta1=0.0, beta2=0.0).forget_term(moved, forget).item() == pytest.approx(ascent, rel=1e-5)
    wga = WGA(alpha=3.0).forget_term(moved, forget).item()
    assert SatImp(beta1=3.0, beta2=0.0).forget_term(moved, forget).item() == pytest.approx(wga, rel=1e-5)


def test_what_is_known_by_heart_and_what_is_forgotten_do_not_move():
    nll = torch.tensor([0.0, 1e-3, 0.2, 60.0], requires_grad=True)
    weighed_ascent(nll, 5.0, 1.0).sum().backward()
    assert nll.grad[0] == 0
    assert abs(nll.grad[1]) < 2e-3
    assert nll.grad[2] == pytest.approx(-np.exp(-1.0) * (1 - np.exp(-0.2)), rel=1e-5)
    assert abs(nll.grad[3]) < 1e-30


@pytest.mark.parametrize("name", ["beta1", "beta2"])
@pytest.mark.parametrize("value", [-1.0, float("inf"), None])
def test_the_powers_are_not_below_zero(name, value):
    with pytest.raises(BadInput, match=f"{name} must be a finite number, 0 or above"):
        uk.objectives.create("satimp", **{name: value})


@pytest.mark.parametrize(("power", "weight"), [(0.0, -1.0), (0.1, 0.0), (1.0, 0.0), (1.5, 0.0)])
def test_a_token_known_for_certain_has_a_curvature_too(power, weight):
    # cross-entropy rounds to 0 there, where powers below 1 are infinitely steep
    logits = torch.tensor([[60.0, 0.0, 0.0], [1.0, 0.0, 0.0]], requires_grad=True)
    nll = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 0]), reduction="none")
    assert nll[0] == 0
    (slope,) = torch.autograd.grad(weighed_ascent(nll, 1.0, power).sum(), nll, create_graph=True)
    assert slope[0].item() == weight
    (gradient,) = torch.autograd.grad(weighed_ascent(nll, 1.0, power).sum(), logits, create_graph=True)
    (curvature,) = torch.autograd.grad(gradient[:, 1].sum(), logits)
    assert curvature.isfinite().all()
    assert curvature[1].abs().sum() > 0
