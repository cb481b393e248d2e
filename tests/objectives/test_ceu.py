"""CE-U has the gradient of 2503.01224: a distillation from one's own prediction without the true token."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import target_logits
from unlearnkit.objectives import CEU
from unlearnkit.objectives.ceu import self_suppressed
from unlearnkit.testbeds.batches import collate


def as_published(logits, true_tokens):
    """The cross-entropy to a target that is not differentiated: (loss, the target's entropy)."""
    target = logits.detach().clone()
    target[torch.arange(len(target)), true_tokens] = -torch.inf
    target = target.softmax(-1)
    return F.cross_entropy(logits, target), -target.xlogy(target).sum(-1).mean()


def labels_of(batch):
    return batch["labels"][:, 1:][batch["labels"][:, 1:] != -100]


@pytest.mark.parametrize("skipped", [0, 1, 3])
def test_the_value_is_the_formula_in_numpy(skipped, moved, rows, batches, true_probabilities):
    p = np.concatenate([row[skipped:] for row in true_probabilities(moved, rows[0])])
    found = CEU(skipped_targets=skipped).forget_term(moved, batches[0]).item()
    assert found == pytest.approx(-np.log(1 - p).mean(), rel=1e-4)


def test_value_and_gradient_are_the_published_codes_but_for_the_targets_entropy(moved, batches):
    logits, true = target_logits(moved, batches[0]), labels_of(batches[0])
    published, entropy = as_published(logits, true)
    ours = CEU().forget_term(moved, batches[0])
    assert ours.item() == pytest.approx((published - entropy).item(), rel=1e-4, abs=1e-5)
    weights = list(moved.parameters())
    pairs = (torch.autograd.grad(loss, weights) for loss in (ours, published))
    for mine, theirs in zip(*pairs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())


def test_the_gradient_is_the_finite_difference_in_double(double_gpt2, slopes, batches):
    objective = CEU(skipped_targets=1)
    slope, difference = slopes(lambda model: objective(model, *batches), double_gpt2())
    assert slope == pytest.approx(difference, rel=1e-6)


def test_what_is_known_by_heart_counts_in_full_and_stays_finite():
    # ascent's gradient vanishes here, p being 1 in float32
    logits = torch.tensor([[90.0, 0.0, 0.0], [-90.0, 0.0, 0.0]], requires_grad=True)
    loss = self_suppressed(logits, torch.tensor([0, 0]))
    assert loss.tolist() == pytest.approx([90 - np.log(2), 0.0], abs=1e-4)
    loss.sum().backward()
    assert logits.grad[0].tolist() == pytest.approx([1.0, -0.5, -0.5])
    assert logits.grad[1].abs().max() < 1e-30


def test_rows_that_are_skipped_altogether_add_nothing(moved, batches):
    loss = CEU(skipped_targets=10_000, retain_weight=0.0).forget_term(moved, batches[0])
    assert loss.item() == 0
    loss.backward()
    moved.zero_grad(set_to_none=True)


def test_known_wrong_losses_give_other_values(reference, known_rows, true_probabilities):
    p_of_rows = true_probabilities(reference, known_rows)
    p = np.concatenate(p_of_rows)
    right = CEU().forget_term(reference, collate(known_rows, pad_id=0)).item()
    assert right == pytest.approx(-np.log(1 - p).mean(), rel=1e-4)
    firsts = np.concatenate([row[1:] for row in p_of_rows])
    rowwise = np.mean([-np.log(1 - row).mean() for row in p_of_rows])
    wrong = {"ascent": np.log(p).mean(), "the first target skipped": -np.log(1 - firsts).mean()}
    wrong |= {"a mean of rows' means": rowwise, "p itself": p.mean()}
    for name, value in wrong.items():
        assert abs(value - right) > 1e-3 * abs(right), name


@pytest.mark.parametrize("value", [-1, 1.0, "1"])
def test_a_number_of_targets_is_a_whole_one(value):
    with pytest.raises(BadInput, match="skipped_targets must be an integer"):
        uk.objectives.create("ceu", skipped_targets=value)
