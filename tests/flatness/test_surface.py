"""Surfaces show the loss where they say, cell by cell, and leave the model as it was."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
import torch

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness import Surface, random_direction, surface
from unlearnkit.precision import true_double
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import (
    Formula,
    everything,
    failing,
    ragged_batches,
    rescale_value_output_,
    same,
    tiny_gpt2,
    tiny_llama,
    trained_llama,
    values_at,
    whole_hessian,
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


# The right loss in the right cell


def test_every_cell_is_the_loss_there(two):
    """Against torch's own functional call, in which no weight moves."""
    found = surface(two, points=3, span=0.5, seed=4)
    first, second = (flatten(random_direction(two["forget"], seed=4, which=which)) for which in (0, 1))
    assert found.alphas.tolist() == found.betas.tolist() == [-0.5, 0.0, 0.5]
    for name, loss in two.items():
        steps = [alpha * first + beta * second for beta in found.betas for alpha in found.alphas]
        expected = np.array(values_at(loss, steps)).reshape(3, 3)
        np.testing.assert_allclose(found.values[name], expected, rtol=2e-5)
        assert abs(expected[0, 2] - expected[2, 0]) > 1e-3  # rows and columns could not be swapped unseen


@pytest.mark.parametrize("make", [tiny_llama, tiny_gpt2], ids=["Llama", "GPT-2"])
@pytest.mark.parametrize("directions", ["random", "eigen"])
def test_the_centre_is_the_models_own_loss_to_the_bit(make, directions):
    losses = {"a": TokenMeanLoss(make(), ragged_batches())}
    losses["b"] = TokenMeanLoss(losses["a"].model, ragged_batches()[:1])
    found = surface(losses, directions=directions, points=5)
    for name, loss in losses.items():
        assert found.values[name][2, 2] == loss().item()
        assert found.near(name, 0.0, 0.0) == loss().item()


def test_one_loss_is_named_loss_and_a_pair_sees_the_grid_that_each_sees_alone(two):
    together = surface(two, points=3)
    for name, loss in two.items():
        alone = surface(loss, points=3)
        assert list(alone.values) == ["loss"]
        assert np.array_equal(alone.values["loss"], together.values[name])


def test_a_grid_spends_one_pass_a_cell_and_one_to_look_whether_the_loss_is_finite(two):
    with failing(two["forget"].model, RuntimeError(), at=10**9) as passes:
        surface(two, points=5)
    assert passes[0] == 3 * (5 * 5 + 1)  # forget has two batches, retain one


# Curvature


def test_the_second_difference_at_the_centre_is_the_curvature(trained):
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        directions = [flatten(random_direction(loss, which=which)) for which in (0, 1)]
        hessian, span = whole_hessian(loss), 1e-4
        grid = surface(loss, directions=directions, points=3, span=span).values["loss"]
    along_alpha = (grid[1, 0] + grid[1, 2] - 2 * grid[1, 1]) / span**2
    along_beta = (grid[0, 1] + grid[2, 1] - 2 * grid[1, 1]) / span**2
    mixed = (grid[2, 2] - grid[2, 0] - grid[0, 2] + grid[0, 0]) / (4 * span**2)
    u, v = directions
    assert along_alpha == pytest.approx(float(u @ hessian @ u), rel=1e-5)
    assert along_beta == pytest.approx(float(v @ hessian @ v), rel=1e-5)
    assert mixed == pytest.approx(float(u @ hessian @ v), rel=1e-4)


def test_along_eigenvectors_it_is_the_eigenvalues_and_nothing_is_mixed(trained):
    with true_double(trained) as double:
        loss, span = TokenMeanLoss(double, ragged_batches()), 1e-4
        found = surface(loss, directions="eigen", points=3, span=span)
        outermost = torch.linalg.eigvalsh(whole_hessian(loss))
    outermost = outermost[outermost.abs().argsort(descending=True)[:2]].tolist()
    grid = found.values["loss"]
    seen = [grid[1, 0] + grid[1, 2] - 2 * grid[1, 1], grid[0, 1] + grid[2, 1] - 2 * grid[1, 1]]
    assert [value / span**2 for value in seen] == pytest.approx(outermost, rel=1e-3)
    assert found.curvatures == pytest.approx(outermost, rel=1e-4)
    mixed = (grid[2, 2] - grid[2, 0] - grid[0, 2] + grid[0, 0]) / (4 * span**2)
    assert abs(mixed) < 1e-2 * outermost[1]


# Rescaled away


def test_a_uniform_rescale_of_value_and_output_leaves_the_filter_normalised_surface(trained):
    with true_double(trained) as double:
        plain = TokenMeanLoss(double, ragged_batches())
        uniform, unlike = (
            plain.with_model(rescale_value_output_(copy.deepcopy(double), factors))
            for factors in ((16.0, 16.0), (4.0, 0.25))
        )
        grids = {
            normalise: [
                surface(loss, points=3, normalise=normalise).values["loss"]
                for loss in (plain, uniform, unlike)
            ]
            for normalise in ("filter", "weight")
        }
    np.testing.assert_allclose(grids["filter"][1], grids["filter"][0], rtol=1e-10)
    assert np.abs(grids["filter"][2] / grids["filter"][0] - 1).max() > 1e-3  # o_proj's rows mix the heads
    for rescaled in grids["weight"][1:]:
        np.testing.assert_allclose(rescaled, grids["weight"][0], rtol=1e-10)


# Through three models


@pytest.mark.parametrize("points", [5, 21, 41])
@pytest.mark.parametrize("third", [(0.4, -0.3, 1.0), (-2.5, 0.7, 0.0)], ids=["beside", "behind"])
def test_a_plane_through_models_has_cells_at_or_near_them(third, points):
    loss = Formula(lambda w: (w**4).sum() + w[0] * w[1], (0.3, 0.2, 0.1))
    one, two = (Formula(None, place).model for place in ((1.0, 0.4, -0.6), third))
    found = surface(loss, directions=(one, two), points=points, span=0.5)
    alpha, beta = found.marks["second"]
    assert len(found.alphas) == len(found.betas) == points
    assert np.diff(found.alphas) == pytest.approx([found.alphas[1] - found.alphas[0]] * (points - 1))
    for axis, places in ((found.alphas, (0.0, 1.0, alpha)), (found.betas, (0.0, 0.0, beta))):
        step = axis[1] - axis[0]
        assert axis[0] <= min(places) - 0.5 + step
        assert axis[-1] >= max(places) + 0.5 - step
        assert {0.0, 1.0} <= set(axis.tolist())
        assert all(np.abs(axis - place).min() <= step / 2 for place in places)
    assert found.near("loss", 0.0, 0.0) == loss().item()
    assert found.near("loss", 1.0, 0.0) == pytest.approx(loss.with_model(one)().item(), rel=1e-12)


def test_a_model_that_lies_on_a_cell_has_its_own_loss_there(trained):
    """The third model straight above the first direction's start: at (0, 1), a cell."""
    with true_double(trained) as double:
        loss = TokenMeanLoss(double, ragged_batches())
        pair = [copy.deepcopy(double) for _ in range(2)]
        with torch.no_grad():
            pair[0].model.embed_tokens.weight[0] += 0.5
            pair[1].model.layers[0].mlp.up_proj.weight[1] -= 0.7
        found = surface(loss, directions=pair, points=7, span=1.0)
        assert found.marks["second"] == (0.0, 1.0)
        for model, place in zip(pair, ((1.0, 0.0), (0.0, 1.0)), strict=True):
            assert found.near("loss", *place) == pytest.approx(loss.with_model(model)().item(), rel=1e-12)


def test_with_few_cells_the_plane_still_holds_the_model_and_reaches_the_others(loss):
    found = surface(loss, directions=(tiny_llama(1), tiny_llama(2)), points=3, span=0.5)
    for axis in (found.alphas, found.betas):
        assert 0.0 in axis
        assert axis[-1] >= 1.0
    assert found.near("loss", 0.0, 0.0) == loss().item()


# Nobody's model changes


@pytest.mark.parametrize("directions", ["random", "eigen", "models"])
@pytest.mark.parametrize("error", [None, RuntimeError("lost"), KeyboardInterrupt()], ids=str)
def test_the_model_is_left_as_it_was(directions, error, loss):
    loss.model.train()
    loss.model.model.norm.eval()
    loss.weights[0].grad = torch.ones_like(loss.weights[0])
    loss.weights[1].requires_grad_(False)
    before = everything(loss.model)
    others = [copy.deepcopy(loss.model) for _ in range(2)]
    with torch.no_grad():
        for number, model in enumerate(others):
            model.model.embed_tokens.weight[number] += 1.0
    given = others if directions == "models" else directions
    if error is None:
        surface(loss, directions=given, points=3)
    else:
        at = 2 * 5 + (90 if directions == "eigen" else 0)
        with failing(loss.model, error, at) as passes, pytest.raises(type(error)):
            surface(loss, directions=given, points=11)
        assert passes[0] == at
    assert same(before, everything(loss.model))


def test_a_seed_decides_the_surface_and_no_global_state_moves(loss, random_state):
    before = random_state()
    first, again, other = (surface(loss, points=3, seed=seed).values["loss"] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert random_state() == before


# What it says, and what it refuses


def test_a_surface_comes_back_from_json(two):
    found = surface(two, directions=(tiny_llama(1), tiny_llama(2)), points=3)
    back = Surface.from_dict(json.loads(json.dumps(found.to_dict())))
    assert np.array_equal(back.alphas, found.alphas)
    assert np.array_equal(back.betas, found.betas)
    assert list(back.values) == ["forget", "retain"]
    assert all(np.array_equal(back.values[name], found.values[name]) for name in two)
    assert (back.words, back.marks, back.curvatures) == (found.words, found.marks, found.curvatures)


def test_it_is_shown_with_the_loss_at_the_model(two):
    found = surface(two, directions=(tiny_llama(1), tiny_llama(2)), points=5, span=0.5)
    page = found._repr_html_()
    for name, loss in two.items():
        assert f"<td>{name}</td><td>{loss().item():.4g}</td>" in page
    assert "through three models" in page
    assert "random, filter-normalised, seed 7" in surface(two, points=3, seed=7).words


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"points": 4}, "^points must be odd, so that one cell is the model itself, but 4"),
        ({"points": 1}, "^points must be an integer, 3 or above"),
        ({"points": 5.0}, "^points must be an integer"),
        ({"span": 0.0}, "^span must be a finite number above 0"),
        ({"span": math.inf}, "^span must be a finite number"),
        ({"directions": "rnadom"}, '^directions: "rnadom" is not known; did you mean "random"'),
        ({"normalise": "row"}, '^normalise: "row" is not known'),
        ({"directions": [torch.ones(3), torch.ones(3)]}, "each vector must be a flat tensor of 196 numbers"),
        ({"seed": "zero"}, "^seed must be an integer"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_options_are_refused(options, says, loss):
    with pytest.raises(BadInput, match=says):
        surface(loss, **options)


def test_what_is_no_loss_is_refused(loss):
    for given in (loss.model, 5, None, {}, {"loss": loss.model}, [loss], iter([loss])):
        with pytest.raises(BadInput, match=r"^loss_or_dict must be a TokenMeanLoss, or a dict"):
            surface(given)


def test_losses_of_two_models_are_refused(loss):
    with pytest.raises(BadInput, match="all losses must be of one model"):
        surface({"a": loss, "b": loss.with_model(tiny_llama(1))})


def test_a_frozen_model_is_refused(loss):
    loss.model.requires_grad_(False)
    with pytest.raises(BadInput, match="no parameter of the model requires gradients"):
        surface(loss)


def test_a_loss_that_is_no_number_is_refused(two):
    with torch.no_grad():
        two["forget"].weights[0][:] = math.nan
    with pytest.raises(BadInput, match="forget is nan at the model itself"):
        surface(two)


def test_where_a_loss_is_not_a_number_it_is_infinite():
    root = Formula(lambda v: (v.sum() + 0.5).sqrt(), [0.0, 0.0])
    found = surface(root, directions=list(torch.eye(2).double()), points=3)
    expected = [
        [math.inf, math.inf, 0.5**0.5],
        [math.inf, 0.5**0.5, 1.5**0.5],
        [0.5**0.5, 1.5**0.5, 2.5**0.5],
    ]
    np.testing.assert_allclose(found.values["loss"], expected)
    assert found.near("loss", -1, -1) == math.inf
