"""A sweep over radii says what the closed forms of a quartic say, and goes on where it was stopped."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.smoothing import PAPERS, Formula, RadiusPoint, radius_sweep
from unlearnkit.smoothing.around import around
from unlearnkit.smoothing.curvature import DoubleBackward, trace_of
from unlearnkit.smoothing.gradient_shift import cosine, expected_cosine, gradient_shift
from unlearnkit.smoothing.noise import Noise

from .closed_forms import SIZE, Stops, cubic, matrix, quadratic, vector

SIGMAS = [0.001, 0.01, 0.03, 0.1, 0.2, 0.4]
AT, COUNT = 0.5, 40


@pytest.fixture(scope="module")
def swept():
    """The sum of w^4 at 0.5: grad 4 w^3, trace 12 w^2 d; smoothed grad 4 w^3 + 12 w sigma^2."""
    quartic = Formula(lambda w: w.pow(4).sum(), torch.full((COUNT,), AT, dtype=torch.float64))
    return radius_sweep(quartic, SIGMAS, queries=200, gradients=8)


def test_the_gap_and_its_prediction_are_the_closed_forms(swept):
    assert swept.trace.estimate == pytest.approx(12 * AT**2 * COUNT)
    for point in swept.points:
        truth = COUNT * (6 * AT**2 * point.sigma**2 + 3 * point.sigma**4)
        assert abs(point.gap.estimate - truth) < 4 * point.gap.stderr
        assert point.predicted == pytest.approx(6 * AT**2 * point.sigma**2 * COUNT)


def test_the_shift_of_the_gradient_is_the_closed_form(swept):
    for point in swept.points:
        assert point.gradient_shift == pytest.approx(3 * point.sigma**2 / AT**2, rel=0.25)
        low, high = point.gradient_shift_interval
        assert low < point.gradient_shift < high
        assert point.gradient_cosine == pytest.approx(1.0, abs=0.02)


def test_radii_are_told_against_the_weights(swept):
    assert swept.weight_rms == pytest.approx(AT)
    for point in swept.points:
        assert point.relative == pytest.approx(point.sigma / AT)
        assert point.l2_radius == pytest.approx(point.sigma * COUNT**0.5)
        assert point.moved_fraction == 1.0
    assert swept.gradient_norm == pytest.approx(4 * AT**3 * COUNT**0.5)


def test_content_begins_where_the_gradient_is_another(swept):
    # 3 sigma^2 / w^2 is 0.1 at 0.091; the gap over the predicted 1.08 at 0.2, 1.32 at 0.4.
    assert swept.content_from == 0.1
    assert swept.quadratic_to == 0.2
    assert "From 0.1 a weight on (0.2 of a weight's size" in swept.words
    assert "up to 0.2 a weight (beyond it they part)" in swept.words
    for paper in PAPERS:
        assert paper.name in swept.words
    assert "0.001 a weight" in swept.words
    assert "1e+02 times smaller than the first that has content" in swept.words


def test_a_quadratic_has_no_content_at_any_radius():
    found = radius_sweep(quadratic(), [0.01, 0.1, 1.0], queries=400, trace_samples=400)
    assert found.content_from is None
    assert found.quadratic_to == 1.0
    assert max(point.gradient_shift for point in found.points) < 1e-6
    assert "goes down the loss itself" in found.words
    assert "(the last one swept)" in found.words


# Cosines


@pytest.mark.parametrize("queries", [1, 5, 20])
def test_the_cosine_of_sampling_alone_is_measured(queries):
    """Of a linear function, without this library's noise: E cos^2 of a mean of (g u) u."""
    source = np.random.default_rng(0)
    u = source.standard_normal((4000, queries, 50))
    estimates = (u * u[:, :, :1]).mean(axis=1)
    squares = estimates[:, 0] ** 2 / (estimates**2).sum(axis=1)
    assert expected_cosine(queries, 50) ** 2 == pytest.approx(squares.mean(), rel=0.06)


def test_estimates_have_the_cosine_that_sampling_leaves():
    slopes = vector(5, 60)
    squares = []
    for seed in range(40):
        linear = Formula(lambda w: w @ slopes, torch.zeros(60).double())
        (point,) = radius_sweep(linear, [0.1], queries=6, gradients=3, trace_samples=2, seed=seed).points
        squares.append(point.cosine_plain**2)
        assert point.cosine_smoothed == pytest.approx(point.cosine_plain)
        assert point.cosine_by_chance == pytest.approx(60**-0.5)
    assert np.mean(squares) == pytest.approx(point.cosine_expected**2, abs=4 * np.std(squares) / 40**0.5)


def test_where_gradients_part_the_estimate_goes_with_the_smoothed_one():
    """The sum of cos(3 w) + w / 10: the noise washes the waves out and leaves the slope."""
    waves = Formula(lambda w: (3 * w).cos().sum() + w.sum() / 10, vector(0, 30))
    found = radius_sweep(waves, [0.01, 1.5], queries=2000, gradients=60, trace_samples=2)
    fine, coarse = found.points
    assert fine.cosine_plain > 0.95
    assert fine.cosine_smoothed > 0.95
    assert abs(coarse.cosine_plain) < coarse.cosine_smoothed - 0.2
    assert coarse.gradient_cosine < 0.3
    assert coarse.has_content


def test_a_cosine_with_nothing_is_not_a_number():
    assert math.isnan(cosine(torch.zeros(2).double(), torch.ones(2).double()))
    assert cosine(torch.ones(2).double(), torch.ones(2).double(), norm=2.0) == pytest.approx(2**0.5 / 2)


# The shift of the gradient


def test_the_shift_holds_nothing_of_the_noise():
    """A cubic's mean gradient is off by 3 sigma^2 (u^2 averaged): of 3 pairs 1 + 2 / 3 times in squares."""
    squares = []
    for seed in range(60):
        with around(cubic()) as at:
            plain = at.gradient()
            found = gradient_shift(at, Noise("gaussian", 0.3, SIZE, seed), plain, 3)
        squares.append((found.distance * float(plain.norm())) ** 2)
    truth = SIZE * (3 * 0.3**2) ** 2
    assert np.mean(squares) == pytest.approx(truth, abs=4 * np.std(squares) / 60**0.5)
    assert np.std(squares) / 60**0.5 < 0.15 * truth


def test_gradients_are_taken_along_other_directions_than_losses():
    """Of the same ones, the error of one estimate would be in the other, and their cosine too high."""
    places = {True: [], False: []}

    def bowl(w):
        places[torch.is_grad_enabled()].append(w.detach().clone())
        return w.square().sum()

    radius_sweep(Formula(bowl, vector(0)), [0.1], queries=4, gradients=3, trace_samples=2)
    displaced = {
        looked: [place for place in found if not torch.equal(place, vector(0))]
        for looked, found in places.items()
    }
    assert len(displaced[True]) == 2 * 3
    for place in displaced[True]:
        assert not any(torch.equal(place, other) for other in displaced[False])


def test_where_there_is_no_slope_any_shift_is_infinite():
    bowl = Formula(lambda w: w.pow(3).sum(), torch.zeros(5).double())
    (point,) = radius_sweep(bowl, [0.1], queries=3, gradients=3, trace_samples=2).points
    assert point.gradient_shift == math.inf
    assert math.isnan(point.cosine_plain)


# Curvature


def test_products_are_those_of_the_matrix():
    hessian = DoubleBackward(quadratic())
    assert torch.allclose(hessian @ vector(9), matrix() @ vector(9))
    assert hessian.products == 1
    linear = DoubleBackward(Formula(lambda w: w.sum(), torch.ones(3)))
    assert torch.equal(linear @ torch.ones(3), torch.zeros(3))


def test_the_trace_of_a_model_is_flatness_own(make_llama, toy_batches):
    loss = uk.TokenMeanLoss(make_llama(0), toy_batches)
    assert trace_of(loss, samples=3, seed=2) == uk.flatness.trace(loss, samples=3, seed=2)


# Rounding


def test_gaps_in_rounding_are_not_judged():
    big = Formula(lambda w: 1e3 + w.square().sum(), torch.ones(50))
    found = radius_sweep(big, [1e-7, 1e-2, 1e-1], queries=40, gradients=3)
    assert found.rounding > 0
    assert found.is_quadratic(found.points[0]) is None
    assert found.quadratic_to == 0.1


def test_a_gap_of_a_few_roundings_is_not_judged_however_sure(swept):
    gap = replace(swept.points[0].gap, estimate=2e-9, stderr=1e-11)
    point = replace(swept.points[0], gap=gap, predicted=1e-9)
    assert replace(swept, rounding=1e-9).is_quadratic(point) is None
    assert replace(swept, rounding=1e-12).is_quadratic(point) is False


def test_the_papers_radii_are_told_in_this_models_units():
    assert [paper.per_weight(10_000) for paper in PAPERS] == pytest.approx([1e-3, 1e-4, 1e-5])
    for name in ("zo_sgd", "zo_signsgd", "zo_adamm", "adazo"):
        optimizer = uk.optim.create(name, [torch.nn.Parameter(torch.ones(2))])
        assert optimizer.radius == PAPERS[0].as_given, name


# Long work


class Counting(uk.TokenMeanLoss):
    """Counts its looks, and stops at one."""

    looks, stop = 0, math.inf

    def batch_sum(self, index):
        type(self).looks += 1
        if type(self).looks > type(self).stop:
            raise KeyboardInterrupt
        return super().batch_sum(index)


def test_a_sweep_goes_on_where_it_was_stopped(make_llama, toy_batches, tmp_path):
    given = {"sigmas": [0.01, 0.03], "queries": 2, "gradients": 3, "trace_samples": 2}
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    loss = Counting(make_llama(0, **sizes), toy_batches)
    before = [weight.detach().clone() for weight in loss.weights]
    whole = radius_sweep(loss, **given)
    needed = Counting.looks
    Counting.looks, Counting.stop = 0, needed - 2
    with pytest.raises(KeyboardInterrupt):
        radius_sweep(loss, **given, keep=tmp_path / "radii.jsonl")
    assert all(torch.equal(a, b) for a, b in zip(before, loss.weights, strict=True))
    Counting.looks, Counting.stop = 0, math.inf
    again = radius_sweep(loss, **given, keep=tmp_path / "radii.jsonl")
    assert Counting.looks < 0.7 * needed
    assert again == whole
    other = radius_sweep(loss.with_model(make_llama(1, **sizes)), **given, keep=tmp_path / "radii.jsonl")
    assert other.value != whole.value
    assert other.points != whole.points


class Negated(uk.TokenMeanLoss):
    """What unlearning by ascent goes down."""

    def batch_sum(self, index):
        return -super().batch_sum(index)


def only(name):
    """Change a loss so that it moves one weight."""

    def change(loss):
        loss.model.requires_grad_(False).get_parameter(name).requires_grad_(True)
        return loss

    return change


def test_radii_of_another_function_or_along_other_weights_are_not_taken(make_llama, toy_batches, tmp_path):
    given = {"sigmas": [0.03], "queries": 2, "gradients": 3, "trace_samples": 2}
    loss = uk.TokenMeanLoss(make_llama(0, hidden_size=8, intermediate_size=8), toy_batches)
    queries, keys = (f"model.layers.0.self_attn.{name}_proj.weight" for name in "qk")
    for change in (only(queries), only(keys), lambda loss: Negated(loss.model, loss.batches)):
        changed = change(loss)
        kept = radius_sweep(changed, **given, keep=tmp_path / "radii.jsonl")
        assert kept == radius_sweep(changed, **given)


@pytest.mark.parametrize("at", [2, 9, 30])
def test_weights_are_back_to_the_bit_after_an_error(at):
    loss = Stops(KeyboardInterrupt, at)
    with pytest.raises(KeyboardInterrupt):
        radius_sweep(loss, [0.1, 0.2], queries=4, gradients=3, trace_samples=2)
    assert loss.restored()


def test_results_are_plain_and_readable(swept):
    content = json.loads(json.dumps(swept.to_dict()))
    assert content["content_from"] == 0.1
    assert len(content["papers"]) == len(PAPERS)
    assert RadiusPoint.from_dict(content["points"][2]) == swept.points[2]
    assert "<caption>" in swept._repr_html_()
