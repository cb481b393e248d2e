"""Surfaces for the view, computed in one go, are those that one would compute by oneself."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps import LandscapeExplorer
from unlearnkit.apps.landscape.survey import survey
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.flatness import principal_plane, surface, top_eigenvalues
from unlearnkit.token_mean_loss import TokenMeanLoss


@pytest.fixture(scope="module")
def losses(toy):
    forget = TokenMeanLoss(toy.model, toy.batches(toy.forget, rows=2))
    return {"forget": forget, "retain": TokenMeanLoss(toy.model, toy.batches(toy.retain, rows=2))}


@pytest.fixture(scope="module")
def others(make_llama):
    return [make_llama(1), make_llama(2)]


def same(found, expected):
    return all(np.array_equal(found.values[name], grid) for name, grid in expected.values.items())


def test_it_is_what_surface_and_top_eigenvalues_give(losses, others):
    ways = {"attack": others}
    surfaces, found = survey(
        losses, models=others, directions=["random", "eigen", "principal"], points=3, span=0.5,
        trajectories=ways, k=2, seed=3,
    )  # fmt: skip
    assert list(surfaces) == ["random", "eigen", "principal", "models"]
    near = {"points": 3, "span": 0.5, "seed": 3, "trajectories": ways}
    asked = {
        "random": "random", "eigen": "eigen", "models": others,
        "principal": principal_plane(losses["forget"], others),
    }  # fmt: skip
    for name, directions in asked.items():
        expected = surface(losses, directions=directions, **near)
        assert same(surfaces[name], expected)
        assert surfaces[name].words == expected.words
        assert surfaces[name].trajectories == expected.trajectories
    for name, loss in losses.items():
        assert found[name].values.tolist() == top_eigenvalues(loss, 2, seed=3).values.tolist()


def test_the_view_shows_what_was_computed(losses):
    explorer = LandscapeExplorer.of(losses, directions=["random"], points=3, k=0, theme="dark")
    assert explorer.spectrum is None
    assert explorer.shown.surface.values["retain"][1, 1] == losses["retain"]().item()
    assert explorer.controls.dark.value


def test_one_loss_alone_will_do(losses):
    surfaces, found = survey(losses["retain"], directions=["random"], points=3, k=1)
    assert list(surfaces["random"].values) == list(found) == ["loss"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"directions": "random"}, "^directions must be a list of names, not 'random'"),
        ({"directions": ["randm"]}, '^directions: "randm" is not known; did you mean "random"'),
        ({"directions": []}, "^directions: none was named and no models were given"),
        ({"directions": ["principal"]}, '^directions: "principal" is the plane nearest to trajectories'),
        ({"models": "two"}, "^models must be two models"),
        ({"models": [1, 2]}, "^models must be two models"),
        ({"k": -1}, "^k must be an integer, 0 or above"),
        ({"points": 4}, "^points must be odd"),
        ({"span": 0.0}, "^span must be a finite number above 0"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(losses, monkeypatch, more, says):
    def never(*_):
        raise AssertionError("a loss was computed")

    monkeypatch.setattr(TokenMeanLoss, "__call__", never)
    with pytest.raises(BadInput, match=says):
        survey(losses, **more)


def test_the_theme_is_looked_at_first(losses):
    with pytest.raises(UnknownName, match=r"^theme"):
        LandscapeExplorer.of(losses, theme="drak")


def test_what_are_no_losses_is_refused():
    with pytest.raises(BadInput, match=r"^loss_or_dict"):
        survey([1, 2], directions=["random"])
