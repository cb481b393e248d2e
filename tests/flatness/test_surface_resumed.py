"""A surface that was interrupted goes on where it stopped, and takes nobody else's cells."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from unlearnkit.flatness import surface
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import (
    failing,
    ragged_batches,
    trained_llama,
)


@pytest.fixture(scope="module")
def trained():
    return trained_llama()


@pytest.fixture
def loss(trained):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches())


@pytest.fixture
def two(loss):
    """Two losses of one model, as forget and retain are."""
    return {"forget": loss, "retain": TokenMeanLoss(loss.model, ragged_batches()[1:])}


# Kept and taken up again


@pytest.mark.parametrize(
    ("directions", "error"), [("random", KeyboardInterrupt()), ("eigen", RuntimeError("killed"))]
)
def test_resumed_is_undisturbed(directions, error, two, tmp_path):
    undisturbed = surface(two, directions=directions, points=5)
    keep, model = tmp_path / "cells.jsonl", two["forget"].model
    with failing(model, error, at=10**9) as passes:
        surface(two, directions=directions, points=5)
    a_row = 3 * 5
    before_the_grid = passes[0] - 5 * a_row
    with failing(model, error, at=before_the_grid + 2 * a_row + 7), pytest.raises(type(error)):
        surface(two, directions=directions, points=5, keep=keep)  # in the middle of the third row
    assert len(keep.read_bytes().splitlines()) == 2
    with failing(model, error, at=10**9) as passes:
        resumed = surface(two, directions=directions, points=5, keep=keep)
    assert passes[0] == before_the_grid + 3 * a_row
    for name in two:
        assert np.array_equal(resumed.values[name], undisturbed.values[name])
    with failing(model, error, at=10**9) as passes:
        surface(two, directions=directions, points=5, keep=keep)
    assert passes[0] == before_the_grid


def test_a_torn_last_line_is_done_again(loss, tmp_path):
    keep = tmp_path / "cells.jsonl"
    whole = surface(loss, points=3, keep=keep).values["loss"]
    keep.write_bytes(keep.read_bytes()[:-9])
    assert np.array_equal(surface(loss, points=3, keep=str(keep)).values["loss"], whole)


def _other_weights(loss):
    with torch.no_grad():
        loss.weights[0][0, 0] += 1e-6
    return {"loss_or_dict": loss}


def _other_frozen_weights(loss):
    with torch.no_grad():
        loss.model.model.norm.weight[0] += 0.5
    return {"loss_or_dict": loss}


def _other_data(loss):
    batches = ragged_batches()
    batches[1]["labels"][0, 1] = -100
    return {"loss_or_dict": TokenMeanLoss(loss.model, batches)}


@pytest.mark.parametrize(
    "change",
    [
        _other_weights,
        _other_frozen_weights,
        _other_data,
        lambda loss: {"loss_or_dict": loss, "seed": 1},
        lambda loss: {"loss_or_dict": loss, "span": 0.9},
        lambda loss: {"loss_or_dict": loss, "normalise": "layer"},
        lambda loss: {"loss_or_dict": {"other name": loss}},
    ],
    ids=["weights", "frozen weights", "data", "seed", "span", "normalisation", "names"],
)
def test_cells_of_anything_else_are_not_taken(change, loss, tmp_path):
    loss.model.model.norm.weight.requires_grad_(False)
    keep = tmp_path / "cells.jsonl"
    surface(loss, points=3, keep=keep)
    changed = change(loss)
    fresh, kept = surface(**changed, points=3), surface(**changed, points=3, keep=keep)
    for name in fresh.values:
        assert np.array_equal(fresh.values[name], kept.values[name])
    assert len(keep.read_bytes().splitlines()) == 6


class Negated(TokenMeanLoss):
    """What unlearning by ascent goes down."""

    def batch_sum(self, index):
        return -super().batch_sum(index)


def test_cells_of_another_function_of_the_same_model_and_data_are_not_taken(loss, tmp_path):
    keep = tmp_path / "cells.jsonl"
    plain = surface(loss, points=3, keep=keep).values["loss"]
    negated = surface(Negated(loss.model, loss.batches), points=3, keep=keep).values["loss"]
    np.testing.assert_array_equal(negated, -plain)


def test_cells_along_other_weights_are_not_taken(loss, tmp_path):
    """Queries and keys have one shape, so that the same two vectors are directions of either."""
    attention, found = loss.model.model.layers[0].self_attn, []
    for weight in (attention.q_proj.weight, attention.k_proj.weight):
        loss.model.requires_grad_(False)
        weight.requires_grad_(True)
        given = {"directions": list(3 * torch.eye(weight.numel())[:2]), "normalise": "weight", "points": 3}
        fresh, kept = surface(loss, **given), surface(loss, **given, keep=tmp_path / "cells.jsonl")
        np.testing.assert_array_equal(kept.values["loss"], fresh.values["loss"])
        found.append(fresh.values["loss"])
    assert not np.array_equal(*found)
