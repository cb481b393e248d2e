"""Sharpness leaves the model as it was, and refuses what it cannot tell."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.flatness import sharpness
from unlearnkit.flatness.sharpness import KINDS
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import (
    everything,
    failing,
    ragged_batches,
    same,
    slopes_of,
    trained_llama,
    values_at,
)


@pytest.fixture(scope="module")
def trained():
    return trained_llama()


@pytest.fixture
def loss(trained):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches())


# Nobody's model changes


@pytest.mark.parametrize("error", [None, RuntimeError("lost"), KeyboardInterrupt()], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_left_as_it_was(kind, error, loss):
    loss.model.train()
    loss.model.model.norm.eval()
    for weight in loss.weights[:3]:
        weight.grad = torch.ones_like(weight)
    before = everything(loss.model)
    if error is None:
        sharpness(loss, kind=kind, samples=2, steps=2)
    else:
        with failing(loss.model, error, at=4), pytest.raises(type(error)):
            sharpness(loss, kind=kind, samples=2, steps=4)
    assert same(before, everything(loss.model))


def test_it_may_be_called_where_gradients_are_off(loss):
    with torch.no_grad():
        inside = [sharpness(loss, kind=kind, samples=2, steps=2) for kind in KINDS]
    assert inside == [sharpness(loss, kind=kind, samples=2, steps=2) for kind in KINDS]


def test_frozen_weights_do_not_move(loss):
    loss.model.model.embed_tokens.weight.requires_grad_(False)
    slope = slopes_of(loss)
    after, before = values_at(loss, [0.05 * slope / slope.norm(), 0 * slope])
    assert sharpness(loss, kind="sam", radius=0.05).value == pytest.approx(after - before, rel=1e-3)


# What it says, and what it refuses


def test_a_result_is_told_in_plain_values(loss):
    found = sharpness(loss, kind="average", samples=4)
    told = json.loads(json.dumps(found.to_dict()))
    assert (told["kind"], told["value"], told["interval"]) == ("average", found.value, list(found.interval))
    page = found._repr_html_()
    assert f"{found.value:.4g}" in page
    assert f"{found.interval[0]:.4g} to {found.interval[1]:.4g}" in page
    assert sharpness(loss, kind="sam").interval is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"radius": 0.0}, "^radius must be a finite number above 0"),
        ({"radius": -1e-3}, "^radius must be"),
        ({"radius": math.nan}, "^radius must be"),
        ({"samples": 1}, "^samples must be an integer, 2 or above"),
        ({"samples": 2.5}, "^samples must be an integer"),
        ({"steps": 0}, "^steps must be an integer, 1 or above"),
        ({"rows": 0}, "^rows must be an integer, 1 or above"),
        ({"kind": "worst", "rows": 2}, '^rows: m-sharpness is that of kind="sam", but kind="worst"'),
        ({"kind": "average", "seed": 0.5}, "^seed must be an integer"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_options_are_refused(options, says, loss):
    with pytest.raises(BadInput, match=says):
        sharpness(loss, **options)


def test_an_unknown_kind_is_refused_with_the_nearest(loss):
    with pytest.raises(UnknownName, match='kind: "adaptiv" is not known; did you mean "adaptive"'):
        sharpness(loss, kind="adaptiv")


def test_what_is_no_loss_is_refused(loss):
    for given in (loss.model, None, iter(loss.batches)):
        with pytest.raises(BadInput, match=r"^loss must be a TokenMeanLoss"):
            sharpness(given)


def test_a_frozen_model_is_refused(loss):
    loss.model.requires_grad_(False)
    with pytest.raises(BadInput, match="no parameter of the model requires gradients"):
        sharpness(loss)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_no_number_is_refused_instead_of_a_rise_of_zero(kind, loss):
    with torch.no_grad():
        loss.weights[2][0, 0] = math.nan
    with pytest.raises(BadInput, match=r"^loss: it is nan at the model itself"):
        sharpness(loss, kind=kind)
