"""Lesson 02: its solutions pass, in several styles, and a mistake is told what it is."""

from __future__ import annotations

import copy
import json
import re
from functools import partial
from itertools import product

import pytest
import torch

import unlearnkit as uk

from . import exercises
from .exercises import assert_named, cells_of

EXERCISES = {  # id of its cells: the function that is asked for, and the one that checks it
    "sign": ("my_sign_step", "check_sign_step"),
    "adam": ("my_first_step", "check_first_step"),
    "two-point": ("my_two_point", "check_two_point"),
}


GIVEN = {"copy": copy, "torch": torch, "uk": uk, "product": product}  # what the setup cell imports
run_cells, solution = partial(exercises.run_cells, GIVEN), partial(exercises.solution, GIVEN)


@pytest.fixture(scope="module")
def cells():
    return cells_of("02-grades")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_may_stay_unanswered(told, exercise):
    assert told(exercise) == f"Not answered yet: {EXERCISES[exercise][0]} returns None.\n"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solution_passes(cells, told, exercise):
    assert told(exercise, solution(cells, exercise)[EXERCISES[exercise][0]]).startswith("Right")


# Exercise 1: signSGD


def in_place_sign(weight, gradient, lr):
    return weight.sub_(lr * torch.sign(gradient))


def by_cases(weight, gradient, lr):
    new = weight.clone()
    new[gradient > 0] -= lr
    new[gradient < 0] += lr
    return new


@pytest.mark.parametrize(
    "answer", [in_place_sign, by_cases, lambda w, g, lr: torch.add(w, torch.sign(g), alpha=-lr)]
)
def test_signsgd_may_be_written_in_several_ways(told, answer):
    assert told("sign", answer).startswith("Right")


def gradient_in_place(weight, gradient, lr):
    return weight - lr * gradient.sign_()


def returns_nothing(weight, gradient, lr):
    weight -= lr * gradient.sign()


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda w, g, lr: w + lr * g.sign(), "you stepped with the sign"),
        (lambda w, g, lr: w - lr * g, "That is SGD"),
        (lambda w, g, lr: w + lr * g, "You added the gradient itself"),
        (lambda w, g, lr: w - lr * w.sign(), "sign of the weight"),
        (lambda w, g, lr: w + lr * w.sign(), "sign of the weight"),
        (lambda w, g, lr: (w - lr * g).sign(), "sign of the updated weight"),
        (lambda w, g, lr: w - lr * (w - lr * g).sign(), "sign of the updated weight"),
        (lambda w, g, lr: w - lr * g.sum().sign(), "one sign for all"),
        (lambda w, g, lr: w - lr * g / g.norm(), "one length for all"),
        (lambda w, g, lr: w - lr * g / g.abs().max(), "one length for all"),
        (lambda w, g, lr: w - lr * torch.where(g > 0, 1.0, -1.0), "The sign of 0 is 0"),
        (lambda w, g, lr: w - lr * ((g >= 0).float() * 2 - 1), "The sign of 0 is 0"),
        (lambda w, g, lr: w - g.sign(), "learning rate is missing"),
        (lambda w, g, lr: -lr * g.sign(), "the step alone"),
        (lambda w, g, lr: g.sign(), "the step alone"),
        (lambda w, g, lr: w - lr * g.abs().mean() * g.sign(), "scaled the sign"),
        (lambda w, g, lr: w - lr * g / g.abs(), "yours is"),  # NaN where the gradient is 0
        (lambda w, g, lr: (w - lr * g.sign()).tolist(), "a tensor of the shape (4,)"),
        (lambda w, g, lr: (w - lr * g.sign())[:2], "a tensor of the shape (4,)"),
        (gradient_in_place, "You changed the gradient"),
        (returns_nothing, "in place and returned nothing"),
    ],
)
def test_a_mistake_in_signsgd_is_named(told, mistake, word):
    assert_named(told("sign", mistake), word)


def test_the_solution_of_signsgd_is_what_the_library_does(cells):
    weight = torch.nn.Parameter(torch.randn(20, generator=torch.Generator().manual_seed(0)))
    weight.grad = torch.randn(20, generator=torch.Generator().manual_seed(1))
    answer = solution(cells, "sign")["my_sign_step"](weight.detach().clone(), weight.grad.clone(), 1e-4)
    uk.optim.SignSGD([weight], lr=1e-4).step()
    assert torch.equal(answer, weight)


# Exercise 2: Adam's first step


def cancelled(w, g, lr, betas, eps):
    return w - lr * g / (g.abs() + eps)


def in_second_form(w, g, lr, betas, eps):
    rate = lr * (1 - betas[1]) ** 0.5 / (1 - betas[0])
    return w - rate * (1 - betas[0]) * g / (((1 - betas[1]) * g**2).sqrt() + eps)


def in_torch(w, g, lr, betas, eps):
    weight = torch.nn.Parameter(w.clone())
    weight.grad = g
    torch.optim.Adam([weight], lr=lr, betas=betas, eps=eps).step()
    return weight.detach()


@pytest.mark.parametrize("answer", [cancelled, in_second_form, in_torch])
def test_adam_may_be_written_in_several_ways(told, answer):
    assert told("adam", answer).startswith("Right")


def averages(g, betas):
    return (1 - betas[0]) * g, (1 - betas[1]) * g**2


def uncorrected(w, g, lr, betas, eps):
    m, v = averages(g, betas)
    return w - lr * m / (v.sqrt() + eps)


def second_uncorrected(w, g, lr, betas, eps):
    return w - lr * g / (averages(g, betas)[1].sqrt() + eps)


def first_uncorrected(w, g, lr, betas, eps):
    return w - lr * averages(g, betas)[0] / (g.abs() + eps)


def divided_by_betas(w, g, lr, betas, eps):
    m, v = averages(g, betas)
    return w - lr * (m / betas[0]) / ((v / betas[1]).sqrt() + eps)


def adam_in_place(w, g, lr, betas, eps):
    w -= lr * g / (g.abs() + eps)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (uncorrected, "missing, of both averages"),
        (second_uncorrected, "second average is not corrected"),
        (first_uncorrected, "first average is not corrected"),
        (divided_by_betas, "not by 1 - β"),
        (lambda w, g, lr, betas, eps: w + lr * g / (g.abs() + eps), "sign is turned round"),
        (lambda w, g, lr, betas, eps: w - lr * g / (g**2 + eps), "root of the second average is missing"),
        (lambda w, g, lr, betas, eps: w - lr * g / (g**2 + eps).sqrt(), "inside the root"),
        (lambda w, g, lr, betas, eps: w - lr * g.sign(), "That is signSGD"),
        (lambda w, g, lr, betas, eps: w - lr * g, "plain SGD"),
        (lambda w, g, lr, betas, eps: w - g / (g.abs() + eps), "learning rate is missing"),
        (lambda w, g, lr, betas, eps: -lr * g / (g.abs() + eps), "the step alone"),
        (lambda w, g, lr, betas, eps: w - lr * g / (g.abs().sqrt() + eps), "square, not its magnitude"),
        (lambda w, g, lr, betas, eps: w - lr * g / g.abs(), "There is a NaN"),
        (lambda w, g, lr, betas, eps: w - lr * g / (g.sqrt() + eps), "There is a NaN"),
        (lambda w, g, lr, betas, eps: (w - lr * g).tolist(), "a tensor of the shape (4,)"),
        (lambda w, g, lr, betas, eps: w - lr * g.div_(g.abs() + eps), "You changed the gradient"),
        (adam_in_place, "in place and returned nothing"),
        (lambda w, g, lr, betas, eps: w, "yours is"),
    ],
)
def test_a_mistake_in_adam_is_named(told, mistake, word):
    assert_named(told("adam", mistake), word)


# Guesses, figures, and what the text may say


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "Measured: 0.37. You wrote no guess"),
        (0.3, "You guessed 0.30. Measured: 0.37. Your guess was within a factor of 2."),
        (0.9, "too high by a factor of 2.4"),
        (0.01, "too low by a factor of 37"),
        (0, "a number above 0"),
        (-1, "a number above 0"),
    ],
)
def test_a_guess_is_compared(cells, capsys, guess, words):
    run_cells(cells, "compare-guess")["compare_guess"](guess, 0.37, ".2f")
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "guesses"),
    [("predict-cosine", ["guess_sign", "guess_zeroth"]), ("predict-radius", ["guess_radius"])],
)
def test_a_guess_stands_before_its_answer_and_may_be_left_out(cells, name, guesses):
    names = run_cells(cells, name)
    order = list(cells)
    for guess in guesses:
        assert names[guess] is None
        (revealed,) = [cell for cell in order if f"compare_guess({guess}," in cells[cell]]
        assert order.index(name) + 1 == order.index(revealed)


def test_the_catalogue_is_shown_live(cells):
    # other optimizers come in by themselves; a list of their costs here would grow stale
    assert "uk.optim.catalogue()" in cells["catalogue"]
    assert not [entry for entry in uk.optim.catalogue().name if f'"{entry}"' in cells["catalogue"]]


def test_every_optimizer_of_the_first_steps_is_in_the_catalogue_or_left_out(cells):
    looked_at = re.search(r"LOOK_AT = (\[.*?\])", cells["steps"]).group(1)
    known = set(uk.optim.catalogue().name)
    assert {"sgd", "adam", "signsgd", "adazo", "random_walk"} <= set(json.loads(looked_at)) & known


def test_no_result_stands_in_the_text(cells):
    allowed = {
        "2510.00761",
        "1802.04434",
        "1412.6980",
        "2305.17333",
        "2502.01014",
        "2305.14342",
        "0.1",
        "0.2",
    }
    prose = " ".join(
        text for name, text in cells.items() if name == "title" or name.endswith(("-text", "-why"))
    )
    assert set(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])", prose)) <= allowed


def test_the_weights_are_as_large_as_the_text_says(lab):
    weights = torch.cat([weight.detach().flatten() for weight in lab.model.parameters()])
    assert f"{float(weights.square().mean() ** 0.5):.1f}" == "0.2"
