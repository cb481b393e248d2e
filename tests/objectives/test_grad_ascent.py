"""Gradient ascent is minus Hugging Face's loss of the forget rows, and has no other side."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.objectives import GradAscent


def test_the_value_is_minus_hugging_faces_loss_and_the_retain_batch_is_nothing_to_it(moved, batches):
    keys = ("input_ids", "attention_mask", "labels")
    theirs = moved(**{key: batches[0][key] for key in keys}).loss.item()
    assert GradAscent()(moved, batches[0], {}).item() == pytest.approx(-theirs, rel=1e-6)
    assert GradAscent()(moved, *batches).item() == GradAscent()(moved, batches[0], {}).item()


def test_the_gradient_is_that_of_descent_turned_around(moved, batches):
    weights = list(moved.parameters())
    keys = ("input_ids", "attention_mask", "labels")
    down = torch.autograd.grad(moved(**{key: batches[0][key] for key in keys}).loss, weights)
    for mine, theirs in zip(torch.autograd.grad(GradAscent()(moved, *batches), weights), down, strict=True):
        torch.testing.assert_close(mine, -theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("weight", [1.0, 1e-9])
def test_a_retain_term_would_make_it_graddiff(weight):
    with pytest.raises(BadInput, match=r"retain_weight must be 0.*graddiff"):
        uk.objectives.create("grad_ascent", retain_weight=weight)


def test_it_is_graddiff_without_its_other_side(moved, batches):
    alike = uk.objectives.create("graddiff", retain_weight=0.0)
    assert torch.equal(alike(moved, *batches), GradAscent()(moved, *batches))
