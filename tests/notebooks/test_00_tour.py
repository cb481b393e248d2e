"""The tour's exercise: the solution passes, and a mistake is told what it is."""

from __future__ import annotations

import re

import nbformat
import pytest

from unlearnkit.resources import notebooks_path


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("00-tour.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


@pytest.fixture
def check(cells, capsys):
    """What the check says to an answer."""
    names = {}
    exec(cells["exercise"], names)
    exec(cells["check"], names)
    capsys.readouterr()

    def say(answer):
        names["check_largest_recovery"](answer)
        return capsys.readouterr().out

    say.unanswered = names["largest_recovery"]
    return say


def test_the_exercise_may_stay_unanswered(check):
    assert check(check.unanswered) == "Not answered yet: largest_recovery returns None.\n"


def test_the_solution_passes(cells, check):
    (solution,) = re.findall(r"```python\n(.*?)```", cells["exercise-text"], flags=re.DOTALL)
    names = {}
    exec(solution, names)
    assert check(names["largest_recovery"]).startswith("Right")


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda run, control: max(run.values()), "learned, not remembered"),
        (lambda run, control: max(run.values()) - max(control.values()), "Subtract first"),
        (lambda run, control: run[100] - control[100], "last budget"),
        (lambda run, control: max(run.values()) - control[0], "same number of steps"),
        (lambda run, control: sum(run[s] - control[s] for s in run) / len(run), "mean"),
        (lambda run, control: max(control[s] - run[s] for s in run), "turned round"),
        (lambda run, control: min(control[s] - run[s] for s in run), "turned round"),
        (lambda run, control: 7, "yours is 7"),
        (lambda run, control: "0.4", "one number, not str"),
    ],
)
def test_a_mistake_is_named(check, mistake, word):
    told = check(mistake)
    assert word in told
    assert not told.startswith("Right")
