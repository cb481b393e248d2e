"""Lesson 05: solutions pass in several styles, a mistake is told what it is, no result stands in its text."""

from __future__ import annotations

import math
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

import unlearnkit as uk
from unlearnkit.resources import notebooks_path
from unlearnkit.studies.intervals import t_interval


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("05-hybrid.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


def run_cells(cells, *ids):
    """The names that some cells define, on what the setup cell imports."""
    names = {"math": math, "pd": pd, "torch": torch, "t_interval": t_interval, "uk": uk}
    for name in ids:
        exec(cells[name], names)
    return names


@pytest.fixture(scope="module")
def solution(cells):
    """The schedule in the exercise's hidden solution."""
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", cells["exercise-schedule-text"], flags=re.DOTALL)[-1], names)
    return names["is_first"]


@pytest.fixture
def told(cells, capsys):
    """What the check of exercise 1 says to an answer."""
    names = run_cells(cells, "exercise-schedule", "check-schedule")

    def say(answer):
        capsys.readouterr()
        names["check_is_first"](answer)
        return capsys.readouterr().out

    say.unanswered = names["is_first"]
    return say


def test_the_exercise_may_stay_unanswered(told):
    assert told(told.unanswered) == "Not answered yet: is_first returns None.\n"


def test_the_solution_passes(told, solution):
    assert told(solution).startswith("Right")


# Exercise 1: the schedule


def left(steps, block, second):
    return steps % (block + second)


def right(step, steps, block, second):
    return step < left(steps, block, second) or (step - left(steps, block, second)) % (block + second) < block


def written_out(step, steps, block, second):
    kinds: list[str] = []
    while len(kinds) + block + second <= steps:
        kinds = ["F"] * block + ["Z"] * second + kinds
    return (["F"] * (steps - len(kinds)) + kinds)[step] == "F"


def from_the_back(step, steps, block, second):
    left_to_go = steps - step  # this step included
    cycles = steps // (block + second)
    return left_to_go > cycles * (block + second) or (left_to_go - 1) % (block + second) >= second


@pytest.mark.parametrize(
    "style",
    [
        right,
        written_out,
        from_the_back,
        lambda *run: int(right(*run)),
        lambda *run: np.bool_(right(*run)),
        lambda *run: torch.tensor(right(*run)),
    ],
)
def test_a_right_schedule_passes_in_any_style(told, style):
    assert told(style).startswith("Right")


def from_start(step, steps, block, second):
    return step % (block + second) < block


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda *run: not right(*run), "wrong way round"),
        (lambda *run: not from_start(*run), "wrong way round"),
        (lambda s, n, b, z: not right(s, n, z, b), "wrong way round"),  # the hybrid that ends on first order
        (lambda s, n, b, z: right(s + 1, n, b, z), "Shifted by one"),
        (lambda s, n, b, z: right(s - 1, n, b, z), "Shifted by one"),
        (lambda s, n, b, z: from_start(s - 1, n, b, z), "Shifted by one"),
        (
            lambda s, n, b, z: s < left(n, b, z) or (s - left(n, b, z)) % (b + z) <= b,
            "Shifted by one",
        ),
        (lambda s, n, b, z: s % (b + z) <= b, "Shifted by one"),
        (lambda s, n, b, z: right(s, n, z, b), "ratio is inverted"),
        (lambda s, n, b, z: from_start(s, n, z, b), "ratio is inverted"),
        (lambda s, n, b, z: right(s, n, b, b), "a length of its own"),
        (lambda s, n, b, z: s // b % 2 == 0, "a length of its own"),
        (lambda s, n, b, z: (n - 1 - s) // b % 2 == 1, "a length of its own"),
        (lambda s, n, b, z: s // (b + z) % 2 == 0, "whole cycles long"),
        (lambda s, n, b, z: right(s, n, b + z, b + z), "whole cycles long"),
        (lambda s, n, b, z: s % 2 == 0, "change at every step"),
        (lambda s, n, b, z: s < n / 2, "change once"),
        (lambda s, n, b, z: s < n - z, "change once"),
        (lambda s, n, b, z: s < n * b // (b + z), "change once"),
        (from_start, "count from the start"),
        (lambda s, n, b, z: (n - 1 - s) % (b + z) >= z, "left-over steps at the start"),
        (lambda s, n, b, z: from_start(s, n, b, z) and s < n - n % (b + z), "went to the last block"),
        (lambda s, n, b, z: "F" if right(s, n, b, z) else "Z", "Return True or False"),
        (lambda s, n, b, z: True, "yours is"),
    ],
)
def test_a_mistake_in_the_schedule_is_named(told, mistake, word):
    said = told(mistake)
    assert word in said
    assert not said.startswith("Right")


def test_the_lessons_schedule_is_the_packages(cells, solution, capsys):
    names = run_cells(cells, "compare-guess", "predict-schedule", "schedule")
    said = capsys.readouterr().out
    assert "Measured: 13." in said
    assert "FFFFFFFFzzzzzFFFFFzzzzz" in said
    for steps in (12, 23, 31):
        drawn = "".join("F" if solution(step, steps, 5, 5) else "z" for step in range(steps))
        assert drawn == names["schedule"](steps)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(right, "The same as uk.optim"), (from_start, "Not the same"), (None, "Not answered")],
)
def test_an_answer_is_held_against_the_package(cells, capsys, answer, words):
    names = run_cells(cells, "compare-guess", "predict-schedule", "schedule", "exercise-schedule")
    capsys.readouterr()
    names |= {"is_first": answer} if answer else {}
    exec(cells["try-schedule"], names)
    assert words in capsys.readouterr().out


# Guesses, and what the lesson says


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "Measured: +0.06. You wrote no guess"),
        (0.5, "You guessed +0.50. Measured: +0.06."),
        (0, "You guessed +0.00."),
        ("much", "Write your guess as a number"),
        (True, "Write your guess as a number"),
    ],
)
def test_a_guess_is_compared(cells, capsys, guess, words):
    run_cells(cells, "compare-guess")["compare_guess"](guess, 0.06, "+.2f")
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("predict-schedule", "my_first_order_steps"),
        ("predict-blocks", "my_change"),
        ("predict-kick", "my_multiple"),
    ],
)
def test_a_guess_stands_before_its_answer_and_may_be_left_out(cells, name, guess):
    assert run_cells(cells, name)[guess] is None
    order = list(cells)
    (revealed,) = [cell for cell in order if f"compare_guess({guess}," in cells[cell]]
    shown = [cell for cell in order[: order.index(name)] if cell.endswith(("-figure", "-twin"))]
    assert order.index(name) < order.index(revealed)
    assert not [cell for cell in shown if cell.split("-")[0] == revealed.split("-")[0]]


def test_moments_that_are_reset_kick_in_every_block(cells, capsys):
    sizes = run_cells(cells, "setup", "compare-guess", "predict-kick", "kick")["sizes"]
    assert "Measured: 10.0." in capsys.readouterr().out
    assert sizes["reset"].iloc[::10].tolist() == pytest.approx([10, 10, 10, 10], rel=1e-3)
    assert sizes["carried"].iloc[10::10].max() < 5


def attacked(*runs):
    columns = ["task", "fold", "optimizer", "status", "nll_forget_before", "recovery_heldout"]
    frame = pd.DataFrame(runs, columns=columns)
    return frame.assign(attack="relearn-100", retain_before=0.9)


DEPTHS = pd.Series({("topic", 1): 5.0, ("topic", 2): 4.0})
ALIKE = [
    ("topic", fold, name, "forgotten", 5.0, back)
    for fold, gain in ((1, 0.2), (2, 0.3))
    for name, back in (("adam", 0.1 + gain), ("hybrid", 0.1))
]


@pytest.mark.parametrize(
    ("runs", "depths", "words"),
    [
        (ALIKE, DEPTHS, "the pair counts: 2."),
        (ALIKE, DEPTHS, "over 2 fold(s): +0.25 ["),
        (ALIKE, DEPTHS[:1], "Pairs: 1."),  # a fold without its control
        (ALIKE[:1] + ALIKE[2:], DEPTHS, "one value: no interval"),  # a fold without adam
        ([(*run[:3], "over-forgotten", *run[4:]) for run in ALIKE], DEPTHS, "cannot decide"),
        ([], DEPTHS, "No pair"),
    ],
)
def test_pairs_count_only_where_both_forgot(cells, capsys, runs, depths, words):
    names = run_cells(cells, "records", "records-verdict")
    capsys.readouterr()
    names["count_pairs"](names["pairs_of"](attacked(*runs), depths))
    assert words in capsys.readouterr().out


def test_the_shipped_records_hold_pairs(cells, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pairs = run_cells(cells, "records", "records-verdict")["pairs"]
    assert list(pairs.index) == [("entities", 1), ("entities", 2), ("topic", 1), ("topic", 2)]
    assert f"Pairs: {len(pairs)}." in capsys.readouterr().out


def test_the_claims_that_are_shown_are_in_the_ledger(cells, capsys):
    names = run_cells(cells, "claims")
    assert capsys.readouterr().out.count("CLAIM ") == len(names["ABOUT"])


def test_every_control_is_in_the_catalogue(cells):
    told = set(re.findall(r"`(hybrid_\w+)`", cells["blocks-why"]))
    assert told == {name for name in uk.optim.catalogue()["name"] if name.startswith("hybrid_")}


def test_no_result_stands_in_the_text(cells):
    # Runs may be made again elsewhere, records too: a measured number in prose would grow stale.
    allowed = {"2510.00761", "2502.01014", "1910.06513", "0.9", "0.99"}
    guesses = {"+0.5", "-0.5"}
    prose = " ".join(text for name, text in cells.items() if name.endswith(("-text", "-why", "title")))
    assert set(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])", prose)) - {"0.0"} <= allowed | guesses
