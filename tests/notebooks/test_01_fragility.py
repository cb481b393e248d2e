"""Lesson 01's exercises: the solutions pass, and a mistake is told what it is."""

from __future__ import annotations

import copy
import re

import nbformat
import pytest
import torch

from unlearnkit.attacks import quantize
from unlearnkit.resources import notebooks_path


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("01-fragility.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


def run_cells(cells, *ids):
    """The names that some cells define, on what the setup cell imports."""
    names = {"copy": copy, "torch": torch}
    for name in ids:
        exec(cells[name], names)
    return names


def solution(cells, name):
    """The function in an exercise's hidden solution, which is the last program of its text."""
    names = {"torch": torch}
    exec(re.findall(r"```python\n(.*?)```", cells[name], flags=re.DOTALL)[-1], names)
    return names


@pytest.fixture
def told_of_recovery(cells, capsys):
    """What the check of exercise 1 says to an answer."""
    names = run_cells(cells, "exercise-recovery", "check-recovery")

    def say(answer):
        capsys.readouterr()
        names["check_recovery"](answer)
        return capsys.readouterr().out

    say.unanswered = names["recovery"]
    return say


@pytest.fixture
def told_of_rounding(cells, capsys):
    """What the check of exercise 2 says to an answer."""
    names = run_cells(cells, "exercise-rounding", "check-rounding")

    def say(answer):
        capsys.readouterr()
        names["check_rounding"](answer)
        return capsys.readouterr().out

    say.unanswered = names["my_rounding"]
    return say


# The guess


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "Measured: 25%. You wrote no guess"),
        (0.5, "You guessed 50%. Measured: 25%."),
        (0, "You guessed 0%. Measured: 25%."),
        (50, "a share between 0 and 1"),
    ],
)
def test_a_guess_is_compared(cells, capsys, guess, words):
    run_cells(cells, "compare-guess")["compare_guess"](guess, 0.25)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(("name", "guess"), [("predict", "my_guess"), ("plant-predict", "my_second_guess")])
def test_a_guess_stands_before_its_answer_and_may_be_left_out(cells, name, guess):
    assert run_cells(cells, name)[guess] is None
    order = list(cells)
    (revealed,) = [cell for cell in order if f"compare_guess({guess}," in cells[cell]]
    assert order.index(name) + 1 == order.index(revealed)


# Exercise 1: recovery


def test_recovery_may_stay_unanswered(told_of_recovery):
    assert told_of_recovery(told_of_recovery.unanswered) == "Not answered yet: recovery returns None.\n"


def test_the_solution_of_recovery_passes(cells, told_of_recovery):
    answer = solution(cells, "exercise-recovery-text")["recovery"]
    assert told_of_recovery(answer).startswith("Right")


def both(share):
    """An answer that takes each half's share from `share(run, control, steps, half)`."""
    return lambda run, control, steps: {h: share(run, control, steps, h) for h in ("shown", "held-out")}


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (both(lambda run, control, n, h: run[n][h] - run[0][h]), "before the attack"),
        (both(lambda run, control, n, h: run[n][h]), "0 is no control"),
        (both(lambda run, control, n, h: run[n][h] - control[0][h]), "same attack"),
        (both(lambda run, control, n, h: control[n][h] - run[n][h]), "turned round"),
        (both(lambda run, control, n, h: abs(control[n][h] - run[n][h]) * -1), "turned round"),
        (
            both(lambda run, control, n, h: (run[n][h] - run[0][h]) - (control[n][h] - control[0][h])),
            "differences of gains",
        ),
        (both(lambda run, control, n, h: run[max(run)][h] - control[max(run)][h]), "another budget"),
        (both(lambda run, control, n, h: run[n]["shown"] - control[n]["shown"]), "shown facts twice"),
        (
            both(lambda run, control, n, h: run[n]["held-out"] - control[n]["held-out"]),
            "held-out facts twice",
        ),
        (
            lambda run, control, n: {"shown": run[n]["shown"] - control[n]["shown"]},
            "held-out facts are missing",
        ),
        (lambda run, control, n: run[n]["shown"] - control[n]["shown"], "a dictionary with two entries"),
        (lambda run, control, n: {"shown": 0.3, "held-out": 0.26, "all": 0.28}, "two entries"),
        (both(lambda run, control, n, h: 7), "yours is {'shown': 7, 'held-out': 7}"),
        (both(lambda run, control, n, h: "0.3"), "yours is"),
    ],
)
def test_a_mistake_in_recovery_is_named(told_of_recovery, mistake, word):
    told = told_of_recovery(mistake)
    assert word in told
    assert not told.startswith("Right")


def test_an_answer_that_changes_its_arguments_spoils_nothing(told_of_recovery):
    def destructive(run, control, steps):
        return {half: run[steps].pop(half) - control[steps].pop(half) for half in ("shown", "held-out")}

    assert told_of_recovery(destructive).startswith("Right")


# Exercise 2: rounding


def top(matrix):
    return matrix.abs().amax(dim=1, keepdim=True)


def on_steps(matrix, step, lowest=-99, highest=99):
    return (matrix / step).round().clamp(lowest, highest) * step


def asymmetric(matrix):
    low = matrix.amin(dim=1, keepdim=True)
    step = (matrix.amax(dim=1, keepdim=True) - low) / 15
    return ((matrix - low) / step).round() * step + low


def asymmetric_with_zero_point(matrix):
    low, high = matrix.amin(dim=1, keepdim=True), matrix.amax(dim=1, keepdim=True)
    step = (high - low) / 15
    zero = (-low / step).round()
    return ((matrix / step).round() + zero).clamp(0, 15).sub(zero) * step


def in_place(matrix):
    step = top(matrix) / 7
    return matrix.div_(step).round_().mul_(step)


def test_rounding_may_stay_unanswered(told_of_rounding):
    assert told_of_rounding(told_of_rounding.unanswered) == "Not answered yet: my_rounding returns None.\n"


def test_the_solution_of_rounding_passes(cells, told_of_rounding):
    answer = solution(cells, "exercise-rounding-text")["my_rounding"]
    assert told_of_rounding(answer) == "Right.\n"


def test_the_solution_of_rounding_is_what_the_attack_does(cells):
    answer = solution(cells, "exercise-rounding-text")["my_rounding"]
    layer = torch.nn.Linear(50, 20, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(20, 50, generator=torch.Generator().manual_seed(0)))
        layer.weight[3] = 0
    torch.testing.assert_close(answer(layer.weight), quantize(layer, bits=4).weight)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda m: on_steps(m, m.abs().max() / 7), "one grid for the whole matrix"),
        (lambda m: on_steps(m, m.abs().amax(dim=0, keepdim=True) / 7), "each column"),
        (lambda m: on_steps(m, m.amax(dim=1, keepdim=True) / 7), "largest magnitude"),
        (lambda m: on_steps(m, m.amax(dim=1, keepdim=True) / 7, -7, 7), "largest magnitude"),
        (lambda m: on_steps(m, m.amax(dim=1, keepdim=True) / 7, -8, 7), "largest magnitude"),
        (asymmetric, "asymmetric"),
        (asymmetric_with_zero_point, "asymmetric"),
        (lambda m: on_steps(m, top(m) / 15), "Too many steps"),
        (lambda m: on_steps(m, top(m) / 16), "Too many steps"),
        (lambda m: on_steps(m, top(m) / 2**4, -8, 7), "Too many steps"),
        (lambda m: on_steps(m, top(m) / 8), "8 steps do not fit"),
        (lambda m: on_steps(m, top(m) / 8, -8, 7), "8 steps do not fit"),
        (lambda m: ((m + top(m)) / (2 * top(m) / 15)).round() * (2 * top(m) / 15) - top(m), "zero is none"),
        (lambda m: (m / (top(m) / 7)).trunc() * (top(m) / 7), "cut off"),
        (lambda m: (m / (top(m) / 7)).int() * (top(m) / 7), "cut off"),
        (lambda m: (m / (top(m) / 7)).floor() * (top(m) / 7), "cut off"),
        (lambda m: (m / (top(m) / 7)).round(), "step numbers"),
        (in_place, "You changed the matrix"),
        (lambda m: on_steps(m, top(m) / 7), "a row of zeros gives NaN"),
        (lambda m: on_steps(m, top(m) / 7).tolist(), "Return a tensor of the shape (2, 4)"),
        (lambda m: on_steps(m, top(m) / 7)[0], "Return a tensor of the shape (2, 4)"),
        (lambda m: m, "yours is"),
    ],
)
def test_a_mistake_in_rounding_is_named(told_of_rounding, mistake, word):
    told = told_of_rounding(mistake)
    assert word in told
    assert not told.startswith("Right")
