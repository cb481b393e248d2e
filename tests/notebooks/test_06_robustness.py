"""Lesson 06: its solutions pass, a mistake is told what it is, and no result stands in its text."""

from __future__ import annotations

import re

import nbformat
import pytest

from unlearnkit.apps.robustness.model import IN_NO_MEAN, OVER, Line
from unlearnkit.resources import notebooks_path
from unlearnkit.studies.intervals import Interval, t_interval


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("06-robustness.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


def run_cells(cells, *ids):
    """The names that some cells define."""
    names: dict = {}
    for name in ids:
        exec(cells[name], names)
    return names


def solution(cells, name):
    """The function in an exercise's hidden solution."""
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", cells[name], flags=re.DOTALL)[-1], names)
    return names


@pytest.fixture
def told(cells, capsys):
    """What a check says to an answer: told("verdict", answer)."""

    def say(exercise, answer=None):
        names = run_cells(cells, f"exercise-{exercise}", f"check-{exercise}")
        check, own = {"verdict": ("check_side", "side"), "matching": ("check_at_depth", "at_depth")}[exercise]
        capsys.readouterr()
        names[check](answer or names[own])
        return capsys.readouterr().out

    return say


def test_the_exercises_may_stay_unanswered(told):
    assert told("verdict") == "Not answered yet: side returns None.\n"
    assert told("matching") == "Not answered yet: at_depth returns None.\n"


def test_the_solutions_pass(cells, told):
    assert told("verdict", solution(cells, "exercise-verdict-text")["side"]).startswith("Right")
    assert told("matching", solution(cells, "exercise-matching-text")["at_depth"]).startswith("Right")


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (
            lambda low, high, m: "undecided" if low is None else "below" if low < m else "above",
            "holds the margin",
        ),
        (
            lambda low, high, m: "undecided" if low is None else "below" if (low + high) / 2 < m else "above",
            "its middle",
        ),
        (lambda low, high, m: "above" if low is None or high > m else "below", "holds the margin"),
        (
            lambda low, high, m: "below" if low is None or high < m else "above" if low > m else "undecided",
            "one fold has no interval",
        ),
        (
            lambda low, high, m: (
                "undecided" if low is None else "below" if high <= m else "above" if low >= m else "undecided"
            ),
            "exactly on the margin",
        ),
        (
            lambda low, high, m: (
                "undecided"
                if low is None
                else "below"
                if high < 0.1
                else "above"
                if low > 0.1
                else "undecided"
            ),
            "the margin is an argument",
        ),
        (
            lambda low, high, m: (
                "undecided"
                if low is None
                else "below"
                if max(abs(low), abs(high)) < m
                else "above"
                if min(abs(low), abs(high)) > m
                else "undecided"
            ),
            "Take no magnitude",
        ),
        (lambda low, high, m: 7, "yours is 7"),
    ],
)
def test_a_mistake_about_sides_is_named(told, mistake, word):
    said = told("verdict", mistake)
    assert word in said
    assert not said.startswith("Right")


def chosen(keep):
    """An answer that keeps a run by `keep(run, control, band)`."""
    return lambda runs, control, band: [run["id"] for run in runs if keep(run, control, band)]


def depth(run, control):
    return run["nll"] / control.get(run["fold"], float("nan"))


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (chosen(lambda run, control, band: abs(run["nll"] / control[1] - 1) <= band), "another fold"),
        (
            chosen(lambda run, control, band: abs(run["nll"] / (sum(control.values()) / 2) - 1) <= band),
            "another fold",
        ),
        (
            chosen(lambda run, control, band: abs(run["nll"] - control.get(run["fold"], 99)) <= band),
            "0.25 nats",
        ),
        (chosen(lambda run, control, band: depth(run, control) >= 1 - band), "deeper runs"),
        (chosen(lambda run, control, band: depth(run, control) <= 1 + band), "shallower runs"),
        (chosen(lambda run, control, band: abs(depth(run, control) - 1) > band), "do NOT match"),
        (lambda runs, control, band: {"a", "d", "g"}, "a list of ids, not set"),
        (lambda runs, control, band: ["z"], "yours is ['z']"),
    ],
)
def test_a_mistake_in_matching_is_named(told, mistake, word):
    said = told("matching", mistake)
    assert word in said
    assert not said.startswith("Right")


# The guess


def line(name, *values):
    found = t_interval(values)
    return Line(name, name, len(values), found, found, found, 1.0, {})


def test_the_guess_stands_before_its_answer_and_may_be_left_out(cells, capsys):
    names = run_cells(cells, "predict")
    assert names["my_guess"] is None
    exec(cells["guess"].rsplit("\n\n\n", 1)[0], names)
    names["compare_guess"](None, [line("adam", 0.4, 0.5), line("sgd", 0.1, 0.6)])
    said = capsys.readouterr().out
    assert "You wrote no guess" in said
    assert "this is no ranking" in said
    order = list(cells)
    assert order.index("predict") < order.index("explorer") < order.index("guess")


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([line("adam", 0.50, 0.51), line("sgd", 0.10, 0.11)], "lies below all others"),
        ([line("adam", 0.50), line("sgd", 0.10)], "this is no ranking"),
        ([line("sgd", 0.10, 0.11)], "this is no ranking"),
        ([], "No run is left"),
    ],
)
def test_a_lowest_mean_is_a_ranking_only_where_intervals_part(cells, capsys, lines, word):
    names: dict = {}
    exec(cells["guess"].rsplit("\n\n\n", 1)[0], names)
    names["compare_guess"]("sgd", lines)
    assert word in capsys.readouterr().out


def test_no_result_stands_in_the_text(cells):
    # Records are made again: a measured number or a verdict about an optimizer in prose would grow stale.
    allowed = {"2510.00761", "0.10", "0.02", "0.15", "+0.02", "+0.15", "0.25", "4.4"}
    prose = " ".join(text for name, text in cells.items() if name.endswith("-text") or name in ("title",))
    numbers = set(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])", prose))
    assert numbers <= allowed


def test_the_text_says_what_is_in_no_mean_and_what_stands_apart(cells):
    (told,) = (line for line in cells["explorer-text"].splitlines() if "in no mean" in line)
    assert all(f"*{word}*" in told for word in IN_NO_MEAN)
    assert f"*{OVER.capitalize()}* runs have a row of their own" in told


def test_intervals_print_as_the_lesson_says():
    assert Interval(0.5, 0.4, 0.6, n=2).text() == "+0.50 [+0.40, +0.60]"
