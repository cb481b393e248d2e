"""WGA has the gradient of 2502.19301, and a value that no optimizer can mistake."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import target_nll
from unlearnkit.objectives import WGA, GradDiff
from unlearnkit.objectives.weighed_ascent import weighed_ascent


def forget_gradient(objective, model, batches):
    loss = objective.forget_term(model, batches[0])
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))])


def weighed(model, batch, weight):
    """The loss as papers and code write it: the weight is a constant."""
    nll = target_nll(model, batch)
    return -(weight((-nll).exp().detach()) * nll).mean()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_the_value_is_the_formula_in_numpy(alpha, moved, rows, batches, true_probabilities):
    p = np.concatenate(true_probabilities(moved, rows[0]))
    assert 1e-6 < p.mean() < 0.9
    expected = ((p**alpha - 1) / alpha).mean()
    assert WGA(alpha=alpha).forget_term(moved, batches[0]).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_the_gradient_is_the_papers_with_its_weights_held_constant(alpha, moved, batches):
    weights = list(moved.parameters())
    theirs = torch.autograd.grad(weighed(moved, batches[0], lambda p: p**alpha), weights)
    theirs = torch.cat([part.flatten() for part in theirs])
    ours = forget_gradient(WGA(alpha=alpha), moved, batches)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())


def test_with_alpha_0_it_is_gradient_ascent_and_the_limit_of_small_alphas(moved, batches):
    ascent = forget_gradient(GradDiff(), moved, batches)
    torch.testing.assert_close(forget_gradient(WGA(alpha=0.0), moved, batches), ascent)
    gaps = [(forget_gradient(WGA(alpha=a), moved, batches) - ascent).norm() for a in (0.1, 0.01, 0.001)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.02 * ascent.norm()


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_gradient_is_the_finite_difference_in_double(alpha, double_gpt2, slopes, batches):
    objective = WGA(alpha=alpha)
    slope, difference = slopes(lambda model: objective(model, *batches), double_gpt2())
    assert slope == pytest.approx(difference, rel=1e-6)


def test_known_wrong_weights_give_another_gradient(moved, batches):
    right = forget_gradient(WGA(), moved, batches)
    nll = target_nll(moved, batches[0])
    wrong = {
        "weights that are differentiated": -((-nll).exp() * nll).mean(),
        "no weights": -nll.mean(),
        "one weight for all": -((-nll).exp().mean().detach() * nll).mean(),
        "weights of what is forgotten": -((1 - (-nll).exp()).detach() * nll).mean(),
    }
    for name, loss in wrong.items():
        found = torch.autograd.grad(loss, list(moved.parameters()), retain_graph=True)
        found = torch.cat([part.flatten() for part in found])
        assert (found - right).norm() > 0.01 * right.norm(), name


def test_the_value_falls_all_the_way_and_the_papers_rises_again_after_one_nat():
    nll = torch.linspace(0, 12, 200, dtype=torch.float64)
    ours, theirs = weighed_ascent(nll, 1.0, 0.0), -(-nll).exp() * nll
    assert (ours.diff() < 0).all()
    assert nll[theirs.argmin()].item() == pytest.approx(1, abs=0.06)


def test_a_token_that_is_as_good_as_forgotten_still_has_a_gradient():
    nll = torch.tensor([40.0], requires_grad=True)  # p^2 is lost beside 1 in float32, and in float64
    weighed_ascent(nll, 2.0, 0.0).backward()
    assert nll.grad.item() == pytest.approx(-np.exp(-80.0), rel=1e-5)


def test_it_needs_no_reference_and_its_bound_is_one_over_alpha(moved, batches):
    assert uk.objectives.create("wga").needs_reference is False
    assert -1 / 2 < WGA(alpha=2.0).forget_term(moved, batches[0]).item() < 0


@pytest.mark.parametrize("alpha", [-1.0, float("nan"), "1"])
def test_alpha_is_not_below_zero(alpha):
    with pytest.raises(BadInput, match="alpha must be a finite number, 0 or above"):
        uk.objectives.create("wga", alpha=alpha)
