"""Trajectories lie where they are projected, with the losses that the models have themselves."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
import torch

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness import Plane, Surface, Trajectory, principal_plane, random_direction, surface
from unlearnkit.precision import true_double
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import (
    Formula,
    everything,
    failing,
    ragged_batches,
    same,
    tiny_gpt2,
    tiny_llama,
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


def bowl(vector):
    return (vector**2).sum() + vector[0]


ORIGIN = Formula(bowl, (0.0, 0.0, 0.0, 0.0))


def at(*place):
    """A model of four weights."""
    return Formula(None, place).model


def given_plane(first, second):
    return [torch.tensor(direction, dtype=torch.float64) for direction in (first, second)]


def moved(model, seed, scale=0.1):
    """A checkpoint: the model with some noise on every weight."""
    source, other = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(torch.randn(weight.shape, generator=source), alpha=scale)
    return other


# Where they lie


def test_a_model_lies_where_least_squares_puts_it_also_between_slanting_directions():
    first, second = (2.0, 0.0, 0.0, 1.0), (1.0, 1.0, 0.0, 0.0)
    models = [at(0.3, -0.2, 0.9, 0.4), at(5.0, 1.0, 0.0, 2.0), at(0.0, 0.0, 0.0, 0.0)]
    found = surface(ORIGIN, directions=given_plane(first, second), points=3, trajectories={"way": models})
    way, basis = found.trajectories["way"], np.array([first, second]).T
    for place, model in enumerate(models):
        weights = model.vector.detach().numpy()
        solved, rest, *_ = np.linalg.lstsq(basis, weights, rcond=None)
        assert (way.alphas[place], way.betas[place]) == pytest.approx(tuple(solved), abs=1e-14)
        assert way.off[place] == pytest.approx(math.sqrt(float(rest[0])), abs=1e-7)
        assert way.off[place] == pytest.approx(np.linalg.norm(weights - basis @ solved), abs=1e-14)


def test_models_of_the_plane_itself_lie_in_it(loss):
    ends = [tiny_llama(1), tiny_llama(2)]
    found = surface(loss, directions=ends, points=3, trajectories={"ends": [loss.model, *ends]})
    way = found.trajectories["ends"]
    marks = [found.marks[name] for name in ("model", "first", "second")]
    np.testing.assert_allclose(np.array([way.alphas, way.betas]).T, marks, atol=1e-6)
    assert max(way.off) < 1e-5


def test_what_lies_off_the_plane_is_seen_in_the_distance_only(trained):
    with true_double(trained) as double:
        loss, other = TokenMeanLoss(double, ragged_batches()), copy.deepcopy(double)
        directions = [flatten(random_direction(loss, which=which)) for which in (0, 1)]
        with torch.no_grad():
            for weight, step in zip(other.parameters(), random_direction(loss), strict=True):
                weight.add_(step, alpha=0.5)
            other.model.norm.weight[0] += 3.0  # random directions leave gains where they are
        way = surface(loss, directions=directions, points=3, trajectories={"a": [other]}).trajectories["a"]
    assert (way.alphas[0], way.betas[0], way.off[0]) == pytest.approx((0.5, 0.0, 3.0), abs=1e-12)


# Their own losses


def test_the_losses_are_the_models_own_to_the_bit_and_not_the_surfaces(two):
    models = [moved(two["forget"].model, seed, scale=0.3) for seed in (1, 2, 3)]
    found = surface(two, points=3, trajectories={"attack": models, "end": models[-1:]})
    assert list(found.trajectories) == ["attack", "end"]
    way = found.trajectories["attack"]
    for name, loss in two.items():
        assert way.values[name] == tuple(loss.with_model(model)().item() for model in models)
        beneath = [found.near(name, *place) for place in zip(way.alphas, way.betas, strict=True)]
        assert max(np.abs(np.subtract(way.values[name], beneath))) > 0.05
    assert found.trajectories["end"].values["forget"] == way.values["forget"][-1:]


def test_a_loss_that_is_no_number_counts_as_infinite():
    loss = Formula(lambda w: (w[0] - 1).log() * 0 if w[0] else w.sum(), (0.0, 0.0))
    way = surface(
        loss, directions=given_plane((1.0, 0.0), (0.0, 1.0)), points=3, trajectories={"a": [at(0.5, 0.0)]}
    ).trajectories["a"]
    assert way.values["loss"] == (math.inf,)


def test_labels_are_the_steps_or_what_they_were_named(loss):
    models = [moved(loss.model, seed) for seed in (1, 2)]
    found = surface(
        loss, points=3, trajectories={"a": models, "b": {"start": models[0], "after 100": models[1]}}
    )
    assert found.trajectories["a"].labels == ("0", "1")
    assert found.trajectories["b"].labels == ("start", "after 100")
    assert found.trajectories["a"].alphas == found.trajectories["b"].alphas


# The grid


def test_the_grid_reaches_as_far_beyond_them_as_beyond_marks():
    plane = given_plane((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))
    models = [at(-3.0, 0.5, 0.0, 7.0), at(2.0, -4.5, 0.0, 0.0)]
    found = surface(ORIGIN, directions=plane, points=21, span=0.5, trajectories={"way": models})
    for axis, low, high in ((found.alphas, -3.0, 2.0), (found.betas, -4.5, 0.5)):
        step = axis[1] - axis[0]
        assert 0.0 in axis
        assert low - 1.5 < axis[0] <= low - 0.5 + step
        assert high + 0.5 - step <= axis[-1] < high + 1.5
    assert found.near("loss", 0.0, 0.0) == ORIGIN().item()


def test_within_the_grid_they_change_no_cell(loss):
    near = [moved(loss.model, 1, scale=0.01)]
    plain, found = surface(loss, points=5), surface(loss, points=5, trajectories={"near": near})
    assert np.array_equal(found.alphas, plain.alphas)
    assert np.array_equal(found.betas, plain.betas)
    assert np.array_equal(found.values["loss"], plain.values["loss"])


def test_rows_that_were_kept_are_taken_whatever_trajectories_are_asked_for(loss, tmp_path):
    keep = tmp_path / "cells.jsonl"
    plain = surface(loss, points=3, keep=keep)
    near = [moved(loss.model, seed, scale=0.01) for seed in (1, 2)]
    with failing(loss.model, RuntimeError(), at=10**9) as passes:
        found = surface(loss, points=3, keep=keep, trajectories={"near": near})
    assert passes[0] == 2  # is the loss finite?
    assert np.array_equal(found.values["loss"], plain.values["loss"])
    assert len(keep.read_bytes().splitlines()) == 3
    again = surface(loss, points=3, keep=keep, trajectories={"other": near[::-1]})
    assert again.trajectories["other"].off == found.trajectories["near"].off[::-1]


# A plane made before


def test_a_plane_is_taken_as_it_is(loss):
    made = Plane(random_direction(loss), random_direction(loss, which=1), "made before")
    found, plain = surface(loss, directions=made, points=3), surface(loss, points=3)
    assert np.array_equal(found.values["loss"], plain.values["loss"])
    assert found.words == "made before"
    with true_double(loss.model) as double:
        wider = surface(TokenMeanLoss(double, loss.batches), directions=made, points=3).values["loss"]
    np.testing.assert_allclose(wider, plain.values["loss"], rtol=1e-5)


# Nobody's model changes, and nothing is lost


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()], ids=str)
def test_no_model_is_changed(error, loss):
    models = [moved(loss.model, seed).train() for seed in (1, 2)]
    models[1].model.norm.eval()
    models[0].lm_head.weight.grad = torch.ones_like(models[0].lm_head.weight)
    before = [everything(model) for model in (loss.model, *models)]
    ask = lambda: surface(loss, points=3, trajectories={"a": models})  # noqa: E731
    if error is None:
        ask()
        principal_plane(loss, models)
    else:
        with failing(models[1], error, at=2), pytest.raises(type(error)):
            ask()
    for one, model in zip(before, (loss.model, *models), strict=True):
        assert same(one, everything(model))


def test_a_surface_with_trajectories_comes_back_from_json(two):
    models = [moved(two["forget"].model, seed) for seed in (1, 2)]
    found = surface(two, points=3, trajectories={"attack": models})
    back = Surface.from_dict(json.loads(json.dumps(found.to_dict())))
    assert back.trajectories == found.trajectories
    without = {name: part for name, part in found.to_dict().items() if name != "trajectories"}
    assert Surface.from_dict(without).trajectories == {}


def test_a_trajectory_is_shown_step_by_step():
    way = Trajectory((0.25, 1.0), (0.0, -0.5), (0.125, 3.0), {"forget": (1.5, 2.5)}, ("start", "<end>"))
    page = way._repr_html_()
    assert "<td>start</td><td>0.25</td><td>0</td><td>0.125</td><td>1.5</td>" in page
    assert "<td>&lt;end&gt;</td><td>1</td><td>-0.5</td><td>3</td><td>2.5</td>" in page
    assert "nats a token" in page


# What is refused


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda model: [model], r"^trajectories must be a dict of names \(str\) to lists of models"),
        (lambda model: {3: [model]}, r"^trajectories must be a dict of names \(str\)"),
        (lambda model: {"a": []}, r"^trajectories\['a'\] has no model, so there is no way to draw"),
        (lambda model: {"a": {}}, r"^trajectories\['a'\] has no model"),
        (lambda model: {"a": model}, r"^trajectories\['a'\] must be a list of models.*LlamaForCausalLM"),
        (lambda model: {"a": iter([model])}, r"^trajectories\['a'\] must be a list .*around a generator"),
        (lambda model: {"a": {1: model}}, r"^trajectories\['a'\] must be .*labels \(str\)"),
        (lambda model: {"a": [model, "run-7"]}, r"^trajectories\['a'\]: 1 must be a causal .* but a str"),
        (lambda model: {"a": [tiny_gpt2()]}, r"^trajectories\['a'\]: 0: model.embed_tokens.weight is .*one"),
        (lambda model: {"a": [tiny_llama(intermediate_size=8)]}, r"^trajectories\['a'\]: 0: .*architecture"),
        (lambda model: {"a": [moved(model, 1, math.nan)]}, r"^trajectories: the model 0 has weights that ar"),
    ],
)
def test_bad_trajectories_are_refused_by_name(wrong, says, loss):
    with pytest.raises(BadInput, match=says):
        surface(loss, points=3, trajectories=wrong(loss.model))


def test_they_are_refused_before_any_work(loss):
    with failing(loss.model, RuntimeError(), at=1), pytest.raises(BadInput, match=r"^trajectories"):
        surface(loss, directions="eigen", trajectories={"a": [tiny_gpt2()]})


def test_a_frozen_part_that_differs_is_refused(loss):
    other = moved(loss.model, 1)
    loss.model.model.norm.weight.requires_grad_(False)
    with pytest.raises(BadInput, match=r"^trajectories\['a'\]: 0: model.norm.weight is frozen here and diff"):
        surface(loss, points=3, trajectories={"a": [other]})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda loss: Plane(random_direction(loss)[:-1], random_direction(loss), ""), "over other weights"),
        (lambda loss: Plane(random_direction(loss), random_direction(loss), ""), "are parallel or one of"),
        (
            lambda loss: Plane(
                random_direction(loss), [math.nan * part for part in random_direction(loss)], ""
            ),
            "numbers that are not finite",
        ),
    ],
    ids=["other weights", "parallel", "no numbers"],
)
def test_a_plane_that_does_not_fit_is_refused(wrong, says, loss):
    with pytest.raises(BadInput, match=f"^directions: the .*{says}"):
        surface(loss, points=3, directions=wrong(loss))
