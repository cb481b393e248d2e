"""GradDiff is the kept loss minus the forgotten one, both torch's token means."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.objectives import GradDiff


def cross_entropy(model, batch):
    """Hugging Face's own loss over a padded batch."""
    keys = ("input_ids", "attention_mask", "labels")
    return model(**{key: batch[key] for key in keys}).loss


@pytest.mark.parametrize(("forget_weight", "retain_weight"), [(1.0, 1.0), (0.5, 2.0), (3.0, 0.0)])
def test_the_value_is_hugging_faces_losses_weighed(forget_weight, retain_weight, moved, batches):
    forgotten, kept = (cross_entropy(moved, batch).item() for batch in batches)
    expected = retain_weight * kept - forget_weight * forgotten
    loss = GradDiff(forget_weight=forget_weight, retain_weight=retain_weight)(moved, *batches).item()
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_the_gradient_is_ascent_on_one_and_descent_on_the_other(moved, batches):
    weights = list(moved.parameters())
    forgotten, kept = (torch.autograd.grad(cross_entropy(moved, batch), weights) for batch in batches)
    ours = torch.autograd.grad(GradDiff()(moved, *batches), weights)
    for mine, down, up in zip(ours, kept, forgotten, strict=True):
        torch.testing.assert_close(mine, down - up, rtol=1e-3, atol=1e-5)


def test_it_needs_no_reference(moved, batches):
    assert uk.objectives.create("graddiff").needs_reference is False
    bare = {key: value for key, value in batches[0].items() if key != "reference_nll"}
    assert GradDiff()(moved, bare, batches[1]).item() == GradDiff()(moved, *batches).item()


def test_a_forget_weight_of_zero_is_training_on_what_must_be_kept(moved, batches):
    loss = uk.objectives.create("graddiff", forget_weight=0.0)(moved, *batches)
    assert loss.item() == mean_nll(moved, batches[1]).item()


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_the_forget_weight_is_not_below_zero(weight):
    with pytest.raises(BadInput, match="forget_weight"):
        uk.objectives.create("graddiff", forget_weight=weight)
