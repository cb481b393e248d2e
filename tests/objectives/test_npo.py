"""NPO is eq. 3 of 2404.05868, with the sum over the answer and not the mean (trap 5)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.losses import sequence_nll
from unlearnkit.objectives import NPO, npo_loss


def forget_term(model, batches, beta):
    """NPO without the retain loss."""
    return NPO(beta=beta, retain_weight=0.0)(model, *batches)


def flat_gradient(loss, model):
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))])


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0, 5.0])
def test_at_the_reference_the_loss_is_two_over_beta_times_ln_2(beta, reference, batches):
    assert forget_term(reference, batches, beta).item() == pytest.approx(2 / beta * math.log(2), rel=1e-5)


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0])
def test_at_the_reference_the_gradient_is_that_of_ascent(beta, reference, batches):
    npo = flat_gradient(forget_term(reference, batches, beta), reference)
    descent = flat_gradient(sequence_nll(reference, batches[0]).mean(), reference)
    torch.testing.assert_close(npo, -descent, rtol=1e-3, atol=1e-4 * descent.abs().max().item())


def test_as_beta_falls_the_gradient_tends_to_ascent(moved, batches):
    ascent = -flat_gradient(sequence_nll(moved, batches[0]).mean(), moved)
    gaps = []
    for beta in (0.1, 0.01, 0.001, 0.0001):
        npo = flat_gradient(forget_term(moved, batches, beta), moved)
        gaps.append(((npo - ascent).norm() / ascent.norm()).item())
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.05  # at 0.1 it is another direction or length
    assert gaps[-1] < 1e-3


@pytest.mark.parametrize("beta", [0.05, 0.1, 0.7])
def test_the_value_is_the_formula_in_numpy(beta, reference, moved, rows, batches, sums):
    now, before = (sums(model, rows[0]).numpy() for model in (moved, reference))
    assert np.abs(now - before).max() > 0.5
    expected = np.mean(-2 / beta * np.log(1 / (1 + np.exp(-beta * (now - before)))))
    assert forget_term(moved, batches, beta).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_known_wrong_variants_give_other_values(beta, moved, rows, batches, sums, reference):
    right = forget_term(moved, batches, beta).item()
    now, before = sums(moved, rows[0]), sums(reference, rows[0])
    lengths = torch.tensor([len(row.target_ids) for row in rows[0]])
    wrong = {
        "mean over tokens": npo_loss(now / lengths, before / lengths, beta),
        "mean over the batch": npo_loss(now.sum() / lengths.sum(), before.sum() / lengths.sum(), beta),
        "raw logits": npo_loss(_raw(moved, rows[0]), _raw(reference, rows[0]), beta),
        "wrong sign": npo_loss(before, now, beta),
        "no reference": npo_loss(now, torch.zeros_like(now), beta),
        "no 2 / beta": npo_loss(now, before, beta) * beta / 2,
    }
    for name, loss in wrong.items():
        assert abs(loss.item() - right) > 0.01 * abs(right), name


def test_a_forgotten_sequence_weighs_nothing_and_a_known_one_twice():
    # d loss / d S = -2 sigmoid(-beta (S - S_ref)) / n
    nll = torch.tensor([10.0, 210.0, -190.0], dtype=torch.float64, requires_grad=True)
    npo_loss(nll, torch.full((3,), 10.0, dtype=torch.float64), 0.5).backward()
    assert nll.grad.tolist() == pytest.approx([-1 / 3, 0.0, -2 / 3], abs=1e-12)


def test_extreme_likelihoods_stay_finite():
    nll = torch.tensor([0.0, 1e4], requires_grad=True)
    loss = npo_loss(nll, torch.tensor([1e4, 0.0]), 0.1)
    loss.backward()
    assert loss.item() == pytest.approx((2 / 0.1) * 0.1 * 1e4 / 2)  # 2 times the drop of the first, halved
    assert nll.grad.isfinite().all()


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_the_gradient_is_the_finite_difference_in_double(beta, toy, rows, batches):
    # GPT-2 runs in float64 throughout (Llama's norms do not): rounding and curvature about 1e-8 at h = 1e-6
    config = GPT2Config(vocab_size=len(toy.tokenizer), n_positions=128, n_embd=8, n_layer=1, n_head=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT2LMHeadModel(config).eval().double()
    forget = {**batches[0], "reference_nll": torch.linspace(20, 60, 6, dtype=torch.float64)}
    objective = NPO(beta=beta)
    gradient = torch.autograd.grad(objective(model, forget, batches[1]), list(model.parameters()))
    draw = torch.Generator().manual_seed(0)
    along = [torch.randn(p.shape, generator=draw, dtype=torch.float64) for p in model.parameters()]
    slope = sum((g * d).sum() for g, d in zip(gradient, along, strict=True)).item()
    values = []
    with torch.no_grad():
        for step in (1e-6, -2e-6):
            for weight, direction in zip(model.parameters(), along, strict=True):
                weight.add_(direction, alpha=step)
            values.append(objective(model, forget, batches[1]).item())
    assert slope == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)


def test_a_missing_reference_raises_and_is_not_guessed(reference, batches):
    bare = {key: value for key, value in batches[0].items() if key != "reference_nll"}
    with pytest.raises(MissingReference, match="reference_nll"):
        NPO()(reference, bare, batches[1])


def test_it_says_that_it_needs_a_reference():
    assert uk.objectives.create("npo").needs_reference is True


@pytest.mark.parametrize("beta", [0.0, -0.1, math.nan, math.inf, "0.1", True])
def test_beta_must_be_a_number_above_zero(beta):
    with pytest.raises(BadInput, match="beta must be a finite number above 0"):
        uk.objectives.create("npo", beta=beta)


@torch.no_grad()
def _raw(model, rows) -> torch.Tensor:
    """What MUSE's code sums: the targets' logits, without the softmax."""
    totals = []
    for row in rows:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0].double()
        labelled = [(at, label) for at, label in enumerate(row.labels) if label != -100]
        totals.append(-sum(logits[at - 1, label] for at, label in labelled))
    return torch.stack(totals)
