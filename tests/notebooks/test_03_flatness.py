"""Lesson 03: solutions pass in several styles, a mistake is told what it is, no result stands in its text."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

import unlearnkit as uk

from . import exercises
from .exercises import assert_named, cells_of

EXERCISES = {  # id of its cells: the function that is asked for, and the one that checks it
    "curvature": ("curvature", "check_curvature"),
    "certificate": ("certificate", "check_certificate"),
    "filter": ("filter_normalised", "check_filter"),
}


GIVEN = {"np": np, "torch": torch, "uk": uk}  # what the setup cell imports
run_cells, solution = partial(exercises.run_cells, GIVEN), partial(exercises.solution, GIVEN)


@pytest.fixture(scope="module")
def cells():
    return cells_of("03-flatness")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_may_stay_unanswered(told, exercise):
    assert told(exercise) == f"Not answered yet: {EXERCISES[exercise][0]} returns None.\n"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solution_passes(cells, told, exercise):
    assert told(exercise, solution(cells, exercise)[EXERCISES[exercise][0]]).startswith("Right")


# Exercise 1: curvature from three losses


@pytest.mark.parametrize(
    "answer",
    [
        lambda b, h, a, s: ((a - h) - (h - b)) / s**2,
        lambda b, h, a, s: ((a - h) / s - (h - b) / s) / s,
        lambda b, h, a, s: 2 * np.polyfit([-s, 0, s], [b, h, a], 2)[0],
        lambda b, h, a, s: 2 * ((a + b) / 2 - h) / s**2,
    ],
)
def test_curvature_may_be_written_in_several_ways(told, answer):
    assert told("curvature", answer).startswith("Right")


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda b, h, a, s: 2 * (a - h) / s**2, "The third cancels the slope"),
        (lambda b, h, a, s: 2 * (b - h) / s**2, "The third cancels the slope"),
        (lambda b, h, a, s: (a - b) / (2 * s), "That is a slope"),
        (lambda b, h, a, s: (a - b) / s, "That is a slope"),
        (lambda b, h, a, s: (h - b) / s, "That is a slope"),
        (lambda b, h, a, s: (a + b - 2 * h) / s, "by the square of the step"),
        (lambda b, h, a, s: (a + b - 2 * h) / (2 * s), "by the square of the step"),
        (lambda b, h, a, s: a + b - 2 * h, "The step is missing"),
        (lambda b, h, a, s: (a + b) / 2 - h, "The step is missing"),
        (lambda b, h, a, s: (a + b - 2 * h) / (2 * s**2), "Twice too small"),
        (lambda b, h, a, s: 2 * (a + b - 2 * h) / s**2, "Twice too large"),
        (lambda b, h, a, s: (a + b - 2 * h) / (2 * s) ** 2, "one step from here each"),
        (lambda b, h, a, s: (a + b - h) / s**2, "Take the loss here twice"),
        (lambda b, h, a, s: (a + b - 2 * h) * s**2, "multiplied by the square"),
        (lambda b, h, a, s: (2 * h - a - b) / s**2, "sign is turned round"),
        (lambda b, h, a, s: (a - b - 2 * h) / s**2, "must be added"),
        (lambda b, h, a, s: (a - b) / s**2, "must be added"),
        (lambda b, h, a, s: (a + b - 2 * h) ** 0.5 / s, "A root is too much"),
        (lambda b, h, a, s: h, "yours is"),
        (lambda b, h, a, s: str(h), "Return a number, not a str"),
        (lambda b, h, a, s: True, "Return a number, not a bool"),
    ],
)
def test_a_mistake_in_curvature_is_named(told, mistake, word):
    assert_named(told("curvature", mistake), word)


# Exercise 2: a certificate


def unit(vector):
    return vector / vector.norm()


def rayleigh(product, vector):
    return float(vector @ product(vector) / (vector @ vector))


def bound_of(product, vector):
    v = unit(vector)
    return float((product(v) - rayleigh(product, v) * v).norm())


def divided_after(product, vector):
    value = vector @ product(vector) / (vector @ vector)
    return value, (product(vector) - value * vector).norm() / vector.norm()


def by_pythagoras(product, vector):
    v = unit(vector)
    multiplied = product(v)
    value = float(v @ multiplied)
    return [value, float((multiplied @ multiplied - value**2) ** 0.5)]


@pytest.mark.parametrize("answer", [divided_after, by_pythagoras])
def test_a_certificate_may_be_written_in_several_ways(told, answer):
    assert told("certificate", answer).startswith("Right")


def in_place(product, vector):
    vector /= vector.norm()
    return rayleigh(product, vector), bound_of(product, vector)


def rest(product, vector):
    v = unit(vector)
    return product(v) - rayleigh(product, v) * v


def with_bound(make):
    return lambda p, v: (rayleigh(p, v), float(make(p, v)))


def with_value(make):
    return lambda p, v: (float(make(p, v)), bound_of(p, v))


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (with_value(lambda p, v: v @ p(v)), "divide by it first"),
        (with_value(lambda p, v: v @ p(v) / v.norm()), "the vector comes in twice"),
        (with_value(lambda p, v: p(unit(v)).norm()), "has no sign"),
        (with_value(lambda p, v: p(v).norm()), "has no sign"),
        (with_value(lambda p, v: abs(rayleigh(p, v))), "may be negative"),
        (with_value(lambda p, v: (p(v) / v).mean()), "coordinate by coordinate"),
        (with_value(lambda p, v: (p(v) / v)[0]), "coordinate by coordinate"),
        (with_bound(lambda p, v: rest(p, v).norm() * v.norm()), "for a vector of length 1"),
        (with_bound(lambda p, v: rest(p, v).norm() ** 2), "not its square"),
        (with_bound(lambda p, v: rest(p, v).abs().max()), "no mean, sum or largest"),
        (with_bound(lambda p, v: rest(p, v).abs().mean()), "no mean, sum or largest"),
        (with_bound(lambda p, v: rest(p, v).square().mean() ** 0.5), "no mean, sum or largest"),
        (with_bound(lambda p, v: rest(p, v).norm() / abs(rayleigh(p, v))), "relative to the eigenvalue"),
        (with_bound(lambda p, v: p(unit(v)).norm()), "length of H v"),
        (with_bound(lambda p, v: (p(unit(v)) - unit(v)).norm()), "not λ v"),
        (with_bound(lambda p, v: (p(unit(v)) - rayleigh(p, v)).norm()), "λ, a number"),
        (with_bound(lambda p, v: (p(unit(v)) + rayleigh(p, v) * unit(v)).norm()), "You added λ v"),
        (with_bound(lambda p, v: (p(unit(v)) - rayleigh(p, v) * v).norm()), "the long vector"),
        (lambda p, v: (bound_of(p, v), rayleigh(p, v)), "the wrong way round"),
        (rayleigh, "Return two numbers"),
        (lambda p, v: (rayleigh(p, v), rest(p, v)), "a whole vector"),
        (lambda p, v: (1.0, 1.0), "yours are"),
        (in_place, "works in place"),
    ],
)
def test_a_mistake_in_the_certificate_is_named(told, mistake, word):
    assert_named(told("certificate", mistake), word)


def test_the_certificate_bounds_an_eigenvalue_that_it_does_not_know(cells):
    certificate = solution(cells, "certificate")["certificate"]
    source = torch.Generator().manual_seed(0)
    matrix = torch.randn(12, 12, generator=source, dtype=torch.float64)
    matrix = matrix + matrix.T
    true = np.linalg.eigvalsh(matrix.numpy())
    for _ in range(50):
        value, bound = certificate(
            lambda v: matrix @ v, torch.randn(12, generator=source, dtype=torch.float64)
        )
        assert np.abs(true - value).min() <= bound


# Exercise 3: filter normalisation


def row_by_row(weight, drawn):
    rows = zip(weight, drawn, strict=True)
    return torch.stack([u * w.norm() / (u.norm() if u.any() else 1.0) for w, u in rows])


@pytest.mark.parametrize(
    "answer",
    [
        row_by_row,
        lambda w, u: torch.nn.functional.normalize(u, dim=1) * w.norm(dim=1, keepdim=True),
        lambda w, u: u * (w.square().sum(1) / u.square().sum(1).clamp_min(1e-30)).sqrt()[:, None],
    ],
)
def test_filter_normalisation_may_be_written_in_several_ways(told, answer):
    assert told("filter", answer).startswith("Right")


def lengths(matrix, dim=1):
    return matrix.norm(dim=dim, keepdim=True)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda w, u: u / lengths(u, 0) * lengths(w, 0), "Those are columns"),
        (lambda w, u: u / u.norm() * w.norm(), "as a whole"),
        (lambda w, u: u * w.abs(), "by weight"),
        (lambda w, u: u * w, "by weight"),
        (lambda w, u: u * lengths(w), "divide by them"),
        (lambda w, u: u / lengths(u), "multiply by its lengths"),
        (lambda w, u: u / lengths(w) * lengths(u), "the wrong way round"),
        (lambda w, u: w / lengths(w) * lengths(u), "That is the weight"),
        (lambda w, u: u / lengths(u) ** 2 * lengths(w) ** 2, "squares of lengths"),
        (lambda w, u: u / u.abs().sum(1, True) * w.abs().sum(1, True), "sums of magnitudes"),
        (lambda w, u: u / u.abs().amax(1, True) * w.abs().amax(1, True), "the largest magnitude"),
        (lambda w, u: w + u / lengths(u) * lengths(w), "the model after the step"),
        (lambda w, u: u.clone(), "not scaled at all"),
        (lambda w, u: u / lengths(u) * lengths(w) / 0, "something was divided by 0"),
        (lambda w, u: u / lengths(u) * lengths(w) * 3, "yours are"),
        (lambda w, u: u / lengths(u) * lengths(w), "a row of zeros in `drawn` gives NaN"),
        (lambda w, u: (u / lengths(u) * lengths(w))[:2], "a matrix of the shape (4, 3)"),
        (lambda w, u: u.tolist(), "a matrix of the shape (4, 3)"),
        (lambda w, u: u.div_(lengths(u)) * lengths(w), "You changed the direction"),
        (lambda w, u: w.mul_(2), "You changed the weights"),
    ],
)
def test_a_mistake_in_filter_normalisation_is_named(told, mistake, word):
    assert_named(told("filter", mistake), word)


def test_the_solution_is_the_direction_of_the_package(cells, lab):
    loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=2))
    ours, weight = uk.flatness.random_direction(loss)[1], loss.weights[1].detach()
    again = solution(cells, "filter")["filter_normalised"](weight, 7 * ours)
    torch.testing.assert_close(again, ours, rtol=1e-5, atol=1e-7)
