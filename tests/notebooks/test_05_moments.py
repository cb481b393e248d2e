"""Lesson 05's exercises on moments and state: right ones pass in several styles, a mistake is named."""

from __future__ import annotations

import math
import re

import nbformat
import pytest
import torch

import unlearnkit as uk
from unlearnkit.resources import notebooks_path

CHECKS = {
    "moments": ("check_adazo_step", "adazo_step"),
    "state": ("check_sizes_of_steps", "sizes_of_steps"),
}


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("05-hybrid.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


def run_cells(cells, *ids):
    """The names that some cells define, on what the setup cell imports."""
    names = {"math": math, "torch": torch}
    for name in ids:
        exec(cells[name], names)
    return names


@pytest.fixture
def told(cells, capsys):
    """What a check says to an answer: told("moments", answer)."""

    def say(exercise, answer=None):
        names = run_cells(cells, f"exercise-{exercise}", f"check-{exercise}")
        check, own = CHECKS[exercise]
        capsys.readouterr()
        names[check](answer or names[own])
        return capsys.readouterr().out

    return say


def solution(cells, exercise):
    """The function in an exercise's hidden solution, which is the last program of its text."""
    names = run_cells(cells, f"exercise-{exercise}")
    exec(re.findall(r"```python\n(.*?)```", cells[f"exercise-{exercise}-text"], flags=re.DOTALL)[-1], names)
    return names[CHECKS[exercise][1]]


@pytest.mark.parametrize("exercise", CHECKS)
def test_an_exercise_may_stay_unanswered(told, exercise):
    assert told(exercise) == f"Not answered yet: {CHECKS[exercise][1]} returns None.\n"


@pytest.mark.parametrize("exercise", CHECKS)
def test_a_solution_passes(cells, told, exercise):
    assert told(exercise, solution(cells, exercise)).startswith("Right")


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
    shared = uk.optim.NoiseMatched([package], lr=0.01)  # AdaZO's rule, fed a gradient
    weight, m, v = package.detach().clone(), torch.zeros(3), torch.zeros(3)
    for number in range(1, 6):
        gradient = torch.randn(3, generator=torch.Generator().manual_seed(number))
        shared.move({package: gradient})
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
