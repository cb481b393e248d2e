"""The divergence from the reference: a numpy KL over targets, zero and flat at the reference."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr

from unlearnkit.objectives import GradDiff, create

KL = GradDiff(forget_weight=0.0, retain="kl")


def numpy_kl(reference, model, rows):
    """KL(reference || model) at each target, in float64, row by row."""
    parts = []
    for row in rows:
        ids, places = torch.tensor([row.input_ids]), [i - 1 for i, y in enumerate(row.labels) if y != -100]
        with torch.no_grad():
            before, now = (m(input_ids=ids).logits[0].double().numpy()[places] for m in (reference, model))
        parts.append(rel_entr(*(np.exp(log_softmax(part, axis=-1)) for part in (before, now))).sum(axis=-1))
    return np.concatenate(parts)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_it_is_numpys_divergence_over_targets(weight, reference, moved, rows, asked):
    objective = GradDiff(forget_weight=0.0, retain="kl", retain_weight=weight)
    expected = weight * numpy_kl(reference, moved, rows[1]).mean()
    assert expected > 0.05
    assert objective(moved, *asked(objective)).item() == pytest.approx(expected, rel=1e-4)


def test_at_the_reference_it_is_zero_and_flat(double, asked):
    reference, moved = double
    loss = KL.retain_term(reference, asked(KL, reference)[1])
    gradient = torch.autograd.grad(loss, list(reference.parameters()))
    assert abs(loss.item()) < 1e-12
    assert max(part.abs().max().item() for part in gradient) < 1e-12
    away = torch.autograd.grad(KL.retain_term(moved, asked(KL, reference)[1]), list(moved.parameters()))
    assert max(part.abs().max().item() for part in away) > 1e-4


def test_it_is_the_mean_over_targets_whatever_the_batch(moved, asked):
    whole = KL.retain_term(moved, asked(KL)[1]).item()
    parts = [asked(KL, order=order)[1] for order in ([0], [1, 2], [3, 4, 5])]
    counts = [(part["labels"][:, 1:] != -100).sum().item() for part in parts]
    terms = [KL.retain_term(moved, part).item() for part in parts]
    assert np.average(terms, weights=counts) == pytest.approx(whole, rel=1e-5)
    assert np.mean(terms) != pytest.approx(whole, rel=1e-3)


def test_a_term_of_no_weight_has_a_gradient_of_zero(moved):
    nothing = create("graddiff", retain_weight=0.0).retain_term(moved, {})
    (gradient,) = torch.autograd.grad(nothing, next(moved.parameters()))
    assert nothing.item() == 0
    assert not gradient.any()


def test_a_model_that_is_frozen_whole_can_be_looked_at(moved):
    frozen = copy.deepcopy(moved).requires_grad_(False)
    assert create("graddiff", retain_weight=0.0).retain_term(frozen, {}).item() == 0
