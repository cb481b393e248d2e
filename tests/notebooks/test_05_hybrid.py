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

CHECKS = {
    "schedule": ("check_is_first", "is_first"),
    "moments": ("check_adazo_step", "adazo_step"),
    "state": ("check_sizes_of_steps", "sizes_of_steps"),
}


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


@pytest.fixture
def told(cells, capsys):
    """What a check says to an answer: told("schedule", answer)."""

    def say(exercise, answer=None):
        names = run_cells(cells, f"exercise-{exercise}", f"check-{exercise}")
        check, own = CHECKS[exercise]
        capsys.readouterr()
        names[check](answer or names[own])
        return capsys.readouterr().out

    return say


def solution(cells, exercise):
    """The function in an exercise's hidden solution, which is the last program of its text."""
    (text,) = (cells[name] for name in cells if name in SOLVED_IN[exercise])
    names = run_cells(cells, f"exercise-{exercise}")
    exec(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)[-1], names)
    return names[CHECKS[exercise][1]]


SOLVED_IN = {
    "schedule": ["exercise-schedule-text"],
    "moments": ["kick-why"],
    "state": ["exercise-state-text"],
}


@pytest.mark.parametrize("exercise", CHECKS)
def test_an_exercise_may_stay_unanswered(told, exercise):
    assert told(exercise) == f"Not answered yet: {CHECKS[exercise][1]} returns None.\n"


@pytest.mark.parametrize("exercise", CHECKS)
def test_a_solution_passes(cells, told, exercise):
    assert told(exercise, solution(cells, exercise)).startswith("Right")


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
    assert told("schedule", style).startswith("Right")


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
    said = told("schedule", mistake)
    assert word in said
    assert not said.startswith("Right")


def test_the_lessons_schedule_is_the_packages(cells, capsys):
    names = run_cells(cells, "compare-guess", "predict-schedule", "schedule")
    said = capsys.readouterr().out
    assert "Measured: 13." in said
    assert "FFFFFFFFzzzzzFFFFFzzzzz" in said
    answer = solution(cells, "schedule")
    for steps in (12, 23, 31):
        drawn = "".join("F" if answer(step, steps, 5, 5) else "z" for step in range(steps))
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


# Exercise 2: the moments


def adazo(weight, gradient, m, v, number, lr, betas, eps):
    m = betas[0] * m + (1 - betas[0]) * gradient
    v = betas[1] * v + (1 - betas[1]) * m**2
    return weight - lr * m / (v.sqrt() + eps), m, v


def in_place(weight, gradient, m, v, number, lr, betas, eps):
    m.lerp_(gradient, 1 - betas[0])
    v.mul_(betas[1]).addcmul_(m, m, value=1 - betas[1])
    return [weight.addcdiv_(m, v.sqrt().add_(eps), value=-lr), m, v]


def eps_within_the_root(weight, gradient, m, v, number, lr, betas, eps):
    m = m + (1 - betas[0]) * (gradient - m)
    v = v + (1 - betas[1]) * (m.square() - v)
    return weight - lr * m * torch.rsqrt(v + eps**2), m, v


@pytest.mark.parametrize("style", [adazo, in_place, eps_within_the_root])
def test_right_moments_pass_in_any_style_and_the_kick_is_told(told, style):
    assert told("moments", style) == (
        "Right. Your first step is 3.33 times lr, and 1 / sqrt(1 - b2) is 3.33: the kick.\n"
    )


def test_the_solution_takes_the_packages_steps(cells):
    answer = solution(cells, "moments")
    package = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    adazo = uk.optim.AdaZO([package], lr=0.01)
    weight, m, v = package.detach().clone(), torch.zeros(3), torch.zeros(3)
    for number in range(1, 6):
        gradient = torch.randn(3, generator=torch.Generator().manual_seed(number))
        adazo.move({package: gradient})
        weight, m, v = answer(weight, gradient, m, v, number, 0.01, (0.9, 0.99), 1e-8)
        torch.testing.assert_close(package.detach(), weight)


def changed(**changes):
    """A step with one thing wrong; what is not changed is right."""

    def step(weight, gradient, m, v, number, lr, betas, eps):
        b1, b2 = changes.get("betas", lambda b: b)(betas)
        new = changes.get("m", lambda m, g: b1 * m + (1 - b1) * g)(m, gradient)
        square = changes.get("v", lambda v, m, g, old, b2: b2 * v + (1 - b2) * m**2)(v, new, gradient, m, b2)
        top, below = changes.get("correct", lambda m, v, b1, b2, n: (m, v))(new, square, b1, b2, number)
        moved = lr * top / (changes.get("root", torch.sqrt)(below) + eps)
        weight = changes.get("move", lambda w, d: w - d)(weight, moved)
        return changes.get("give", lambda w, new, old: (w, *new))(weight, (new, square), (m, v))

    return step


def from_gradient(v, m, g, old, b2):
    return b2 * v + (1 - b2) * g**2


def both(m, v, b1, b2, n):
    return m / (1 - b1**n), v / (1 - b2**n)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (changed(v=from_gradient), "That was ZO-AdaMM"),
        (changed(v=from_gradient, correct=both), "That is Adam"),
        (changed(v=from_gradient, correct=lambda m, v, b1, b2, n: (m / (1 - b1**n), v)), "the square of g"),
        (changed(correct=both), "corrected both moments"),
        (changed(correct=lambda m, v, b1, b2, n: (m, v / (1 - b2**n))), "the kick is gone"),
        (changed(correct=lambda m, v, b1, b2, n: (m / (1 - b1**n), v)), "corrected m for its start"),
        (changed(move=lambda w, d: w + d), "sign is turned round"),
        (changed(move=lambda w, d: w + d, v=from_gradient), "sign is turned round"),
        (changed(move=lambda w, d: w + d, v=from_gradient), "ZO-AdaMM"),
        (changed(move=lambda w, d: d), "You return the step"),
        (changed(move=lambda w, d: -d), "You return the step"),
        (changed(move=lambda w, d: w - 10 * d), "The rate is missing"),  # lr is 0.1
        (changed(m=lambda m, g: g), "m is not averaged"),
        (changed(v=lambda v, m, g, old, b2: m**2), "v is not averaged"),
        (changed(v=lambda v, m, g, old, b2: b2 * v + (1 - b2) * old**2), "must see the new m"),
        (changed(v=lambda v, m, g, old, b2: b2 * v + m**2), "the new square must weigh 1 - b2"),
        (changed(m=lambda m, g: 0.5 * m + g), "the gradient must weigh 1 - b1"),
        (changed(root=lambda v: v), "square root of v is missing"),
        (changed(betas=lambda b: b[::-1]), "swapped"),
        (changed(betas=lambda b: (1 - b[0], 1 - b[1])), "b is what is kept"),
        (changed(give=lambda w, new, old: (w, *old)), "You return the m and v that were given"),
        (changed(give=lambda w, new, old: (w, old[0], new[1])), "You return the m that was given"),
        (changed(give=lambda w, new, old: (w, new[0], old[1])), "You return the v that was given"),
        (changed(give=lambda w, new, old: w), "Return three tensors"),
        (changed(give=lambda w, new, old: (w.tolist(), *new)), "Return three tensors"),
        (
            changed(give=lambda w, new, old: (w, new[0] * 2, new[1])),
            "look at what the second one starts from",
        ),
        (changed(move=lambda w, d: w), "the first step 0.00 times lr"),
    ],
)
def test_a_mistake_in_the_moments_is_named(told, mistake, word):
    said = told("moments", mistake)
    assert word in said
    assert not said.startswith("Right")


# Exercise 3: carried or reset


def sized(begins, zero="mv"):
    """An answer that takes the moments that it names to zero where a block begins, as it thinks."""

    def sizes(gradients, block, reset):
        m = v = 0.0
        told = []
        for step, gradient in enumerate(gradients):
            if begins(step, block, reset):
                m, v = 0.0 if "m" in zero else m, 0.0 if "v" in zero else v
            m = 0.9 * m + 0.1 * gradient
            v = 0.99 * v + 0.01 * m * m
            told.append(abs(m) / v**0.5)
        return told

    return sizes


def in_slices(gradients, block, reset):
    length = block if reset else len(gradients)
    never = sized(lambda step, block, reset: False)
    parts = [gradients[start : start + length] for start in range(0, len(gradients), length)]
    return tuple(size for part in parts for size in never(part, block, reset))


@pytest.mark.parametrize("style", [sized(lambda s, b, r: r and s % b == 0), in_slices])
def test_right_sizes_pass_in_any_style(told, style):
    assert told("state", style) == "Right. Each block that starts from zero begins with 10 times the rate.\n"


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (sized(lambda s, b, r: False), "You never reset"),
        (sized(lambda s, b, r: s % b == 0), "You reset although"),
        (sized(lambda s, b, r: not r and s % b == 0), "turned round"),
        (sized(lambda s, b, r: r), "every step is a first one"),
        (sized(lambda s, b, r: True), "m and v must go on"),
        (sized(lambda s, b, r: r and s % b == 0, "m"), "m only"),
        (sized(lambda s, b, r: r and s % b == 0, "v"), "v only"),
        (sized(lambda s, b, r: r and s % b == 1), "One step late"),
        (sized(lambda s, b, r: r and (s + 1) % b == 0), "One step early"),
        (sized(lambda s, b, r: r and s == b), "You reset once"),
        (sized(lambda s, b, r: r and s % (2 * b) == 0), "every second block"),
        (lambda gradients, block, reset: 10.0, "a list of numbers"),
        (lambda gradients, block, reset: [10.0], "as many as there are gradients"),
        (lambda gradients, block, reset: [1.0] * len(gradients), "and yours is"),
    ],
)
def test_a_mistake_about_state_is_named(told, mistake, word):
    said = told("state", mistake)
    assert word in said
    assert not said.startswith("Right")


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
