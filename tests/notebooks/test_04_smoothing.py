"""Lesson 04, what smoothing is: guesses, and the exercise about the factor d."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from . import exercises
from .exercises import assert_named, cells_of

EXERCISES = {  # id of its cells: the function that is asked for, and the one that checks it
    "ball": ("ball_gradient", "check_ball"),
}


GIVEN = {"torch": torch, "np": np, "stats": stats}  # what the setup cell imports
run_cells, solution = partial(exercises.run_cells, GIVEN), partial(exercises.solution, GIVEN)


@pytest.fixture(scope="module")
def cells():
    return cells_of("04-smoothing")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_may_stay_unanswered(told, exercise):
    assert told(exercise) == f"Not answered yet: {EXERCISES[exercise][0]} returns None.\n"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solution_passes(cells, told, exercise):
    assert told(exercise, solution(cells, exercise)[EXERCISES[exercise][0]]).startswith("Right")


# The guesses


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "Measured: 0.20. You wrote no guess"),
        (0.3, "You guessed 0.30. Measured: 0.20. Your guess was within a factor of 2."),
        (2, "too high by a factor of 10"),
        (0.02, "too low by a factor of 10"),
        (0, "a number above 0"),
        ("0.2", "a number above 0"),
        (True, "a number above 0"),
    ],
)
def test_a_guess_is_compared(cells, capsys, guess, words):
    run_cells(cells, "compare-guess")["compare_guess"](guess, 0.2, ".2f")
    assert words in capsys.readouterr().out


GUESSES = ("corner", "variance", "shift", "over", "wreck", "reach", "inside")


@pytest.mark.parametrize("guess", GUESSES)
def test_a_guess_stands_before_its_answer_and_may_be_left_out(cells, guess):
    assert run_cells(cells, f"predict-{guess}")[f"guess_{guess}"] is None
    order = list(cells)
    (revealed,) = [cell for cell in order if f"guess_{guess}," in " ".join(cells[cell].split())]
    assert order.index(f"predict-{guess}") + 1 == order.index(revealed)


def test_the_title_counts_the_guesses_and_the_exercises(cells):
    asked = [name for name in cells if name.startswith("predict-") and name != "predict-record"]
    assert len(asked) == len(GUESSES)
    assert "Seven times you are asked for a guess" in cells["title"]
    told = [re.search(r"Difficulty (\d) of 5", text) for text in cells.values()]
    assert [one[1] for one in told if one] == ["2", "3", "2", "3"]
    assert "difficulty 2, 3, 2 and 3 of 5" in cells["title"]


# Exercise 1: the factor


def ends(f, x, radius, u):
    return torch.stack([f(x + radius * row) - f(x - radius * row) for row in u])


def in_one_product(f, x, radius, u):
    return u.shape[1] * ends(f, x, radius, u) @ u / (2 * radius * len(u))


def by_means(f, x, radius, u):
    return torch.stack([5 * (f(x + radius * v) - f(x - radius * v)) / (2 * radius) * v for v in u]).mean(
        dim=0
    )


def in_float32(f, x, radius, u):
    return in_one_product(f, x, radius, u).float()


@pytest.mark.parametrize("style", [in_one_product, by_means, in_float32])
def test_a_right_estimate_passes_in_any_style(told, style):
    assert told("ball", style).startswith("Right")


def test_the_solution_has_the_gradient_of_a_smoothed_function_as_its_mean(cells):
    # a linear function's gradient is the same, smoothed or not: here over a whole basis, so without sampling
    answer, slope = solution(cells, "ball")["ball_gradient"], torch.tensor([1.0, -2.0, 0.5])
    torch.testing.assert_close(answer(lambda w: w @ slope, torch.zeros(3), 0.3, torch.eye(3)), slope)


def scaled(factor):
    """The right estimate, times something."""
    return lambda f, x, radius, u: in_one_product(f, x, radius, u) * factor(x, radius, u)


def one_sided(f, x, radius, u):
    return len(x) * torch.stack([(f(x + radius * v) - f(x)) / radius for v in u]) @ u / len(u)


def a_score(f, x, radius, u):
    return len(x) * torch.stack([f(x + radius * v) / radius for v in u]) @ u / len(u)


def added(f, x, radius, u):
    both = torch.stack([f(x + radius * v) + f(x - radius * v) for v in u])
    return len(x) * both @ u / (2 * radius * len(u))


def moving(f, x, radius, u):
    found = in_one_product(f, x, radius, u)
    x += radius * u[0]
    return found


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (scaled(lambda x, r, u: 1 / len(x)), "The factor d is missing"),
        (scaled(lambda x, r, u: len(x) ** -0.5), "you took its root"),
        (scaled(lambda x, r, u: 1 / len(x) ** 2), "divided by d once more"),
        (scaled(lambda x, r, u: len(u) / len(x)), "not that of the directions"),
        (scaled(lambda x, r, u: len(u)), "that is their sum"),
        (scaled(lambda x, r, u: len(u) / len(x) ** 2), "that cancelled the factor"),
        (scaled(lambda x, r, u: 2), "two radii apart"),
        (scaled(lambda x, r, u: 2 / len(x)), "two radii apart"),
        (scaled(lambda x, r, u: 4), "a division by 2"),
        (scaled(lambda x, r, u: 2 * r), "The radius is missing"),
        (scaled(lambda x, r, u: r), "The radius is missing"),
        (scaled(lambda x, r, u: 2 * r / len(x)), "and the factor d"),
        (scaled(lambda x, r, u: r**2), "You multiplied by the radius"),
        (scaled(lambda x, r, u: -1), "turned round"),
        (one_sided, "one end only"),
        (a_score, "score function"),
        (added, "not added"),
        (lambda f, x, r, u: len(x) * ends(f, x, 1, u) @ u / (2 * r * len(u)), "missing from the places"),
        (moving, "You changed what was given"),
        (lambda f, x, r, u: in_one_product(f, x, r, u).tolist(), "Return a tensor of 5 numbers"),
        (lambda f, x, r, u: in_one_product(f, x, r, u).norm(), "Return a tensor of 5 numbers"),
        (lambda f, x, r, u: len(x) * ends(f, x, r, u)[:, None] * u, "Return a tensor of 5 numbers"),
        (lambda f, x, r, u: x * 0 + 3, "yours is 6.708"),
    ],
)
def test_a_mistake_about_the_factor_is_named(told, mistake, word):
    assert_named(told("ball", mistake), word)
