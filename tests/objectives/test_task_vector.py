"""A task vector is learned by descent and taken off: the finished weights lie on the other side."""

from __future__ import annotations

import copy
import math

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.objectives import TaskVector


def test_the_loss_is_hugging_faces_of_the_forget_rows_and_goes_down(moved, batches):
    keys = ("input_ids", "attention_mask", "labels")
    theirs = moved(**{key: batches[0][key] for key in keys}).loss.item()
    assert TaskVector()(moved, batches[0], {}).item() == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
def test_the_finished_weights_are_the_formula(scale, reference, moved):
    finished = copy.deepcopy(moved)
    TaskVector(scale=scale).finish_(finished, reference)
    for ours, learned, start in zip(*(m.parameters() for m in (finished, moved, reference)), strict=True):
        expected = start.double() - scale * (learned.double() - start.double())
        torch.testing.assert_close(ours.double(), expected, rtol=1e-6, atol=1e-6)


def test_the_testbeds_model_and_gradients_are_left_alone(reference, moved, fingerprint):
    before, finished = fingerprint(reference), copy.deepcopy(moved)
    TaskVector().finish_(finished, reference)
    assert fingerprint(reference) == before
    assert all(weight.requires_grad and weight.grad is None for weight in finished.parameters())


def test_a_run_shows_the_finished_weights_and_trains_on_with_the_others(toy, reference):
    from unlearnkit.unlearning import checkpoints

    given = {"optimizer": "sgd", "lr": 0.1, "batch_size": 4, "at": [1, 2, 3]}
    rows = toy.batches(toy.forget)
    nll = [sum(mean_nll(reference, batch).item() for batch in rows)]
    for look in checkpoints(toy, "task_vector", **given, objective_options={"scale": 2.0}):
        learned = look.problem.model
        for ours, mine, start in zip(
            *(m.parameters() for m in (look.model, learned, toy.model)), strict=True
        ):
            torch.testing.assert_close(ours, start - 2.0 * (mine - start), rtol=1e-5, atol=1e-6)
        assert sum(mean_nll(learned, batch).item() for batch in rows) < nll[0]
        nll.append(sum(mean_nll(look.model, batch).item() for batch in rows))
    assert nll == sorted(nll)  # deeper at every look


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, "1"])
def test_the_scale_is_a_number_above_zero(scale):
    with pytest.raises(BadInput, match="scale"):
        uk.objectives.create("task_vector", scale=scale)
