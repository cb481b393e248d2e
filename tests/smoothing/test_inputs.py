"""Bad input is refused before any look, and the message names it."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.flatness import memory
from unlearnkit.smoothing import Formula, compare_gradients, radius_sweep, smoothed_line, smoothed_loss
from unlearnkit.smoothing.smoothed_loss import SmoothedLoss

from .closed_forms import SIZE, quadratic

LOOKS = (smoothed_loss, compare_gradients, radius_sweep, smoothed_line)


class Frozen:
    """A loss whose weights require no gradient."""

    def __init__(self, *weights) -> None:
        self.weights = list(weights)

    def __call__(self):
        return self.weights[0].sum()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (3.0, "loss must have weights and be callable, but a float was given"),
        (torch.nn.Linear(1, 1), "loss must have weights and be callable, but a Linear"),
        (Formula, "loss must have weights and be callable, but a"),
        (Frozen(), r"loss.weights: there is no tensor"),
        (Frozen(torch.ones(2), 3.0), r"loss.weights: all must be tensors of floating-point .* one is float"),
        (Frozen(torch.ones(2, dtype=torch.long)), r"one is torch.int64"),
    ],
)
def test_losses_that_are_none(look, loss, message):
    with pytest.raises(BadInput, match=message):
        look(loss)


@pytest.mark.parametrize("look", LOOKS)
def test_losses_without_a_number(look):
    with pytest.raises(BadInput, match="loss: it is nan at the weights themselves"):
        look(Formula(lambda w: w.log().sum(), torch.tensor([-1.0])))
    with pytest.raises(BadInput, match=r"loss: its value must be a scalar tensor, but it is \(2,\)"):
        look(Formula(lambda w: w, torch.ones(2)))


@pytest.mark.parametrize("look", [compare_gradients, radius_sweep])
def test_losses_without_gradients(look):
    with pytest.raises(BadInput, match=r"loss.weights: all must require gradients"):
        look(Frozen(torch.ones(2)))
    with pytest.raises(BadInput, match="loss: its value has no graph"):
        look(Formula(lambda w: w.detach().sum(), torch.ones(2)))


@pytest.mark.parametrize(
    ("look", "given", "message"),
    [
        (smoothed_loss, {"sigma": 0.0}, "sigma must be a finite number above 0, not 0.0. Without noise"),
        (smoothed_loss, {"sigma": -1}, "sigma must be"),
        (smoothed_loss, {"sigma": float("nan")}, "sigma must be"),
        (smoothed_loss, {"sigma": "0.1"}, 'sigma must be a finite number above 0, not "0.1"'),
        (smoothed_loss, {"samples": 1}, "samples must be an integer, 2 or above, not 1"),
        (smoothed_loss, {"samples": 2.5}, "samples must be an integer"),
        (smoothed_loss, {"seed": 1.5}, "seed must be an integer"),
        (smoothed_loss, {"law": "cube"}, 'law: "cube" is not known'),
        (smoothed_loss, {"antithetic": "yes"}, 'antithetic: "yes" is not known'),
        (compare_gradients, {"law": "sphere"}, 'law: "sphere" is not known.* Known: gaussian, ball'),
        (compare_gradients, {"methods": ["spsa"]}, 'methods: "spsa" is not known'),
        (compare_gradients, {"methods": ["as printed"]}, 'methods: "as printed" is not known'),
        (compare_gradients, {"methods": []}, "methods must be a list of different names"),
        (compare_gradients, {"methods": ["score", "score"]}, "methods must be a list of different names"),
        (compare_gradients, {"methods": "score"}, "methods must be a list of different names"),
        (compare_gradients, {"samples": 1}, "samples must be an integer, 2 or above"),
        (compare_gradients, {"sigma": None}, "sigma must be a finite number above 0, not None"),
        (radius_sweep, {"sigmas": []}, "sigmas must be a list of radii, each once"),
        (radius_sweep, {"sigmas": 0.1}, "sigmas must be a list of radii"),
        (radius_sweep, {"sigmas": [0.1, 0.1]}, "sigmas must be a list of radii, each once"),
        (radius_sweep, {"sigmas": [0.1, -0.1]}, "sigma must be a finite number above 0, not -0.1"),
        (radius_sweep, {"queries": 1}, "queries must be an integer, 2 or above"),
        (radius_sweep, {"gradients": 2}, "gradients must be an integer, 3 or above"),
        (radius_sweep, {"trace_samples": 1}, "trace_samples must be an integer, 2 or above"),
        (radius_sweep, {"keep": "radii.jsonl"}, "keep: .* only a TokenMeanLoss has data"),
        (
            smoothed_line,
            {"direction": torch.ones(3)},
            r"direction must be a flat vector of 6 numbers.*\(3,\)",
        ),
        (smoothed_line, {"direction": [1.0] * SIZE}, "direction must be a flat vector of 6 numbers.*list"),
        (smoothed_line, {"direction": torch.zeros(SIZE)}, "direction: it must be finite and not 0"),
        (smoothed_line, {"direction": torch.full((SIZE,), float("inf"))}, "direction: it must be finite"),
        (smoothed_line, {"points": 4}, "points must be odd"),
        (smoothed_line, {"points": 1}, "points must be an integer, 3 or above"),
        (smoothed_line, {"span": 0}, "span must be a finite number above 0"),
        (smoothed_line, {"samples": 1}, "samples must be an integer, 2 or above"),
        (smoothed_line, {"sigmas": []}, "sigmas must be a list of radii"),
        (smoothed_line, {"sigmas": [0.1, 0.1]}, "sigmas: the same radius twice"),
        (smoothed_line, {"law": "cube"}, 'law: "cube" is not known'),
    ],
)
def test_arguments_out_of_range(look, given, message):
    loss = quadratic()
    loss.formula = _never
    with pytest.raises(BadInput, match=message):
        look(loss, **given)


def _never(*weights):
    pytest.fail("the loss was looked at before its arguments were checked")


def test_unknown_laws_list_the_nearest():
    with pytest.raises(UnknownName, match='did you mean "gaussian"'):
        smoothed_loss(quadratic(), law="gausian")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((3, torch.ones(2)), "formula must be callable"),
        ((torch.sum,), "weights: there is no tensor"),
        ((torch.sum, torch.ones(2, dtype=torch.int32)), "weights: all must be tensors of floating-point"),
    ],
)
def test_formulas_that_are_none(given, message):
    with pytest.raises(BadInput, match=message):
        Formula(*given)


def test_vectors_that_do_not_fit_are_refused_beforehand(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100)
    with pytest.raises(BadInput, match=r"means and variances would take .* name fewer methods"):
        compare_gradients(quadratic())
    with pytest.raises(BadInput, match=r"8 gradients would take .* give fewer gradients"):
        radius_sweep(quadratic())


def test_agreements_are_asked_for_by_two_names():
    found = compare_gradients(quadratic(), samples=2)
    with pytest.raises(BadInput, match='second: "score" twice is no pair'):
        found.agreement("score", "score")
    with pytest.raises(UnknownName, match='method: "spsa"'):
        found.agreement("score", "spsa")


def test_smoothed_losses_of_other_noise_are_no_pairs():
    first: SmoothedLoss = smoothed_loss(quadratic(), samples=3)
    for other in ({"seed": 1}, {"law": "ball"}, {"antithetic": False}, {"sigma": 0.5}, {"samples": 4}):
        with pytest.raises(BadInput, match=f"other: its noise differs in {next(iter(other))}"):
            first.minus(smoothed_loss(quadratic(), **{"samples": 3, **other}))
