"""Lesson 08: solutions pass, a mistake is told what it is, guesses come first, no result is in its text."""

from __future__ import annotations

import math
import re

import pytest
import torch

from .exercises import assert_named, cells_of, solution
from .exercises import run_cells as run_on

STEM = "08-five-bugs"
GIVEN = {"math": math, "torch": torch}
EXERCISES = {
    "spacing": ("spacing", "check_spacing"),
    "strength": ("strength", "check_strength"),
    "mean": ("masked_mean", "check_masked_mean"),
}


@pytest.fixture(scope="module")
def cells():
    return cells_of(STEM)


def run_cells(cells, *ids):
    """The names that some cells define, on what the setup cell imports."""
    return run_on(GIVEN, cells, *ids)


def solved(cells, exercise):
    """The function in an exercise's hidden solution."""
    return solution(GIVEN, cells, exercise)[EXERCISES[exercise][0]]


# Exercises and guesses


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_may_stay_unanswered(told, exercise):
    assert told(exercise) == f"Not answered yet: {EXERCISES[exercise][0]} returns None.\n"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solutions_pass(cells, told, exercise):
    assert told(exercise, solved(cells, exercise)).startswith("Right")


def test_the_solution_is_the_next_number_of_bfloat16(cells):
    spacing = solved(cells, "spacing")
    drawn = torch.randn(500, generator=torch.Generator().manual_seed(0)).bfloat16()
    for weight in [*drawn[drawn != 0], torch.tensor(1.0).bfloat16(), torch.tensor(-0.0078125).bfloat16()]:
        bits = weight.view(torch.int16)
        assert spacing(weight.item()) == abs((bits + 1).view(torch.bfloat16).item() - weight.item())


def power(exponent):
    return lambda w: 2.0 ** exponent(w)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (power(lambda w: math.floor(math.log2(abs(w))) - 8), "half of it"),
        (power(lambda w: math.floor(math.log2(abs(w))) - 10), "float16's"),
        (power(lambda w: math.floor(math.log2(abs(w))) - 23), "float32's"),
        (power(lambda w: math.log2(abs(w)) - 7), "Round the exponent down"),
        (lambda w: abs(w) * 2**-7, "Round the exponent down"),
        (power(lambda w: round(math.log2(abs(w))) - 7), "*nearest*"),
        (power(lambda w: math.trunc(math.log2(abs(w))) - 7), "towards zero"),
        (power(lambda w: math.ceil(math.log2(abs(w))) - 7), "rounded the exponent up"),
        (power(lambda w: math.floor(math.log(abs(w))) - 7), "natural logarithm"),
        (lambda w: 1 / 128, "grows with the weight"),
        (power(lambda w: math.floor(math.log2(w)) - 7), "take the magnitude"),
        (lambda w: math.copysign(2.0 ** (math.floor(math.log2(abs(w))) - 7), w), "no sign"),
        (lambda w: "0.1", "yours is '0.1'"),
    ],
)
def test_a_mistake_in_spacing_is_named(told, mistake, word):
    assert_named(told("spacing", mistake), word)


def ending(hits):
    """Hits at the end without a gap."""
    return next((i for i, hit in enumerate(reversed(hits)) if not hit), len(hits))


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (
            lambda h: 1 - next((k for k in range(len(h)) if all(h[k:])), len(h) - 1) / len(h),
            "That is the floor",
        ),
        (lambda h: sum(h) / len(h), "share of right tokens"),
        (lambda h: ending(h[::-1]) / len(h), "from the start"),
        (lambda h: 1 - ending(h) / len(h), "take it from 1"),
        (lambda h: max(0, ending(h) - 1) / len(h), "one place off"),
        (lambda h: ending(h[:-1]) / max(len(h) - 1, 1), "dropped the last token. Here"),
        (lambda h: max(ending(h[:-1]), 1) / max(len(h) - 1, 1), "and there is a floor"),
        (ending, "divide it by n"),
        (lambda h: 1 - next(k for k in range(len(h)) if all(h[k:])) / len(h), "all wrong"),
        (lambda h: ending(h) / (len(h) - 1), "one token"),
        (lambda h: "1", "yours is '1'"),
    ],
)
def test_a_mistake_in_strength_is_named(told, mistake, word):
    assert_named(told("strength", mistake), word)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda d, m: ((d * m).sum(1) / m.sum(1, keepdim=True)).mean(), "Rows are mixed"),
        (lambda d, m: d.mean(), "the mask is not used"),
        (lambda d, m: (d * m).mean(), "tokens, not of places"),
        (lambda d, m: (d * m).sum() / m.sum(), "long rows weigh more"),
        (lambda d, m: ((d * m).sum(1) / m.sum(1)).sum(), "sum over rows"),
        (lambda d, m: (d * m).sum(1).mean(), "rows' sums"),
        (lambda d, m: ((d * m).sum(0) / m.sum(0)).mean(), "rows are dim=0"),
        (lambda d, m: (d * m).sum(1) / m.sum(1), "One number is asked for"),
        (lambda d, m: ((d * m).sum(1) / m.sum(1)).mean(), "Almost: NaN"),
        (lambda d, m: (d.mul_(m).sum(1) / m.sum(1)).mean(), "You changed the distances"),
        (lambda d, m: (d.sum(0) / m.sum(1)).mean(), "Look at the shapes"),
        (lambda d, m: [1.0], "not list"),
        (lambda d, m: torch.tensor(0.0), "yours is 0.0"),
    ],
)
def test_a_mistake_in_the_mean_is_named(told, mistake, word):
    assert_named(told("mean", mistake), word)


@pytest.mark.parametrize(
    ("guess", "form", "words"),
    [
        (None, ".0%", "Measured: 25%. You wrote no guess"),
        (0.5, ".0%", "You guessed 50%. Measured: 25%."),
        (50, ".0%", "a share between 0 and 1"),
        (-0.5, ".2f", "You guessed -0.50. Measured: 0.25."),
        ("much", ".2f", "as a number"),
    ],
)
def test_a_guess_is_compared(cells, capsys, guess, form, words):
    run_cells(cells, "compare-guess")["compare_guess"](guess, 0.25, form)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "guess"),
    [("npo-predict", "my_cosine"), ("bits-predict", "my_share"), ("row-predict", "my_row_share")],
)
def test_a_guess_stands_before_its_answer_and_may_be_left_out(cells, name, guess):
    assert run_cells(cells, name)[guess] is None
    order = list(cells)
    (revealed,) = [cell for cell in order if f"compare_guess({guess}," in cells[cell]]
    assert order.index(name) + 1 == order.index(revealed)


def test_no_result_stands_in_the_text(cells):
    # arithmetic may; what a run measures would grow stale
    papers = {"2404.05868", "2403.03218", "2406.09179", "2410.16454", "1710.03740"}
    arithmetic = {"0.1", "0.0005", "0.00001", "0.5", "1.5625", "13.863", "0.33", "0.004", "1.0", "0.0"}
    prose = " ".join(text for name, text in cells.items() if name.endswith(("-text", "-why", "title")))
    prose = re.sub(r"```.*?```", "", prose, flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])", prose)) <= papers | arithmetic
