"""Lesson 04, certificates: solutions pass, in several styles, and a mistake is told what it is."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from scipy import stats

from unlearnkit.smoothing import EventCertificate

from . import exercises
from .exercises import assert_named, cells_of

EXERCISES = {  # id of its cells: the function that is asked for, and the one that checks it
    "radius": ("radius", "check_radius"),
    "distance": ("certified_at", "check_distance"),
}
TRUTH = dict(
    zip(
        "ABCDEFG",
        ("wrecked", "estimate", "directions", "fair", "picked", "smoothed", "control"),
        strict=True,
    )
)


GIVEN = {"np": np, "stats": stats}  # what the setup cell imports
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


# Exercise 2: a radius


def by_search(count, samples, sigma, alpha):
    """The bound as it is defined: at it, so many hits or more have probability alpha."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if stats.binom.sf(count - 1, samples, middle) < alpha else (low, middle)
    return sigma * stats.norm.ppf(low) if low > 0.5 else 0


@pytest.mark.parametrize(
    "style",
    [
        by_search,
        lambda count, samples, sigma, alpha: EventCertificate(count, samples, sigma, alpha).radius,
    ],
)
def test_a_right_radius_passes_in_any_style(told, style):
    assert told("radius", style).startswith("Right")


def bounded(p, radius=lambda p, sigma: sigma * stats.norm.ppf(p)):
    """An answer with a bound of its own, or with its own way from a bound to a radius."""
    return lambda count, samples, sigma, alpha: float(radius(p(count, samples, alpha), sigma))


def bound(count, samples, alpha):
    return stats.beta.ppf(alpha, count, samples - count + 1)


def wald(z):
    return lambda k, n, a: k / n - stats.norm.ppf(1 - z(a)) * math.sqrt(k / n * (1 - k / n) / n)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (bounded(lambda k, n, a: k / n), "from the share itself"),
        (bounded(lambda k, n, a: stats.beta.ppf(1 - a, k + 1, n - k)), "an upper bound"),
        (bounded(lambda k, n, a: stats.beta.ppf(1 - a, k, n - k + 1)), "an upper bound"),
        (bounded(lambda k, n, a: stats.beta.ppf(a / 2, k, n - k + 1)), "take alpha whole"),
        (bounded(lambda k, n, a: stats.beta.ppf(a, k, n - k)), "count and samples - count + 1"),
        (bounded(lambda k, n, a: stats.beta.ppf(a, k + 1, n - k + 1)), "count and samples - count + 1"),
        (bounded(lambda k, n, a: stats.beta.ppf(a, k, n)), "count and samples - count + 1"),
        (bounded(lambda k, n, a: stats.beta.ppf(a, n - k + 1, k)), "count and samples - count + 1"),
        (bounded(wald(lambda a: a)), "normally distributed"),
        (bounded(wald(lambda a: a / 2)), "normally distributed"),
        (bounded(bound, lambda p, s: stats.norm.ppf(p)), "The noise is missing"),
        (bounded(bound, lambda p, s: stats.norm.ppf(p) / s), "You divided by sigma"),
        (bounded(bound, lambda p, s: p), "not yet a radius"),
        (bounded(bound, lambda p, s: s * p), "not yet a radius"),
        (bounded(bound, lambda p, s: s * stats.norm.cdf(p)), "You need the inverse"),
        (bounded(bound, lambda p, s: s * stats.norm.pdf(p)), "You need the inverse"),
        (bounded(bound, lambda p, s: -s * stats.norm.ppf(p)), "turned round"),
        (bounded(bound), "certifies nothing: 0.0"),
        (bounded(bound, lambda p, s: abs(s * stats.norm.ppf(p))), "certifies nothing: 0.0"),
        (
            lambda k, n, s, a: math.inf if k == n else max(0.0, float(s * stats.norm.ppf(bound(k, n, a)))),
            "the radius is finite",
        ),
        (
            lambda k, n, s, a: math.nan if k == n else max(0.0, float(s * stats.norm.ppf(bound(k, n, a)))),
            "the radius is finite",
        ),
        (lambda k, n, s, a: "0.2", "Return a number, not a str"),
        (lambda k, n, s, a: True, "Return a number, not a bool"),
        (lambda k, n, s, a: 7, "yours is 7.0000"),
    ],
)
def test_a_mistake_about_the_radius_is_named(told, mistake, word):
    assert_named(told("radius", mistake), word)


# Exercise 3: at a distance


@pytest.mark.parametrize(
    "style",
    [
        lambda p, distance, sigma: float(stats.norm.sf(distance / sigma - stats.norm.ppf(p))),
        lambda p, distance, sigma: stats.norm.cdf((sigma * stats.norm.ppf(p) - distance) / sigma),
        lambda p, distance, sigma: 0.5 * math.erfc((distance / sigma - stats.norm.ppf(p)) / math.sqrt(2)),
    ],
)
def test_a_right_probability_passes_in_any_style(told, style):
    assert told("distance", style).startswith("Right")


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (lambda p, x, s: stats.norm.cdf(stats.norm.ppf(p) + x / s), "turned round"),
        (lambda p, x, s: stats.norm.cdf(stats.norm.ppf(p) - x), "in units of sigma"),
        (lambda p, x, s: stats.norm.cdf(stats.norm.ppf(p) - x * s), "multiplied the distance"),
        (lambda p, x, s: stats.norm.cdf(stats.norm.ppf(p) - x / s**2), "not by its square"),
        (lambda p, x, s: stats.norm.cdf((stats.norm.ppf(p) - x) / s), "Only the distance"),
        (lambda p, x, s: s * stats.norm.ppf(p) - x, "what is left of the radius"),
        (lambda p, x, s: stats.norm.ppf(p) - x / s, "still a quantile"),
        (lambda p, x, s: stats.norm.cdf(p - x / s), "turned into a quantile first"),
        (lambda p, x, s: stats.norm.cdf(stats.norm.cdf(p) - x / s), "where its inverse is due"),
        (lambda p, x, s: stats.norm.pdf(stats.norm.ppf(p) - x / s), "the density"),
        (lambda p, x, s: 1 - stats.norm.cdf(stats.norm.ppf(p) - x / s), "the opposite"),
        (lambda p, x, s: p - x / s, "straight line"),
        (lambda p, x, s: p * (1 - x / (s * stats.norm.ppf(p))), "straight line"),
        (lambda p, x, s: p, "at any distance"),
        (lambda p, x, s: [p], "Return a number, not a list"),
        (lambda p, x, s: 0.123, "yours is 0.1230"),
    ],
)
def test_a_mistake_about_the_distance_is_named(told, mistake, word):
    assert_named(told("distance", mistake), word)


# Exercise 4: reports


@pytest.fixture
def told_of(cells, capsys):
    """What the check says to some verdicts."""
    names = run_cells(cells, "exercise-reports", "check-reports")

    def say(verdicts):
        capsys.readouterr()
        names["check_reports"](verdicts)
        return capsys.readouterr().out

    say.unanswered = names["verdicts"]
    return say


def test_the_reports_may_stay_unanswered(told_of):
    assert told_of(told_of.unanswered) == "Not answered yet: all verdicts are None.\n"


def test_the_solution_of_the_reports_passes(cells, told_of):
    assert told_of(solution(cells, "reports")["verdicts"]) == "Right, all seven.\n"
    assert solution(cells, "reports")["verdicts"] == TRUTH
    assert told_of({name: f" {word.upper()} " for name, word in TRUTH.items()}) == "Right, all seven.\n"


@pytest.mark.parametrize("name", TRUTH)
def test_a_wrong_verdict_is_told_where_to_look(told_of, name):
    fair = "wrecked" if TRUTH[name] == "fair" else "fair"
    said = told_of(TRUTH | {name: fair})
    assert said.startswith(f"{name}: ")
    assert "Look again" in said
    assert "6 of 7 are right." in said
    others = set(TRUTH.values()) - {TRUTH[name], "fair"}
    assert all("is not its fault" in told_of(TRUTH | {name: word}) for word in others)


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        (TRUTH | {"B": None}, "B: not answered yet."),
        (TRUTH | {"B": "vacuous"}, "'vacuous' is none of the words"),
        (TRUTH | {"B": 3}, "3 is none of the words"),
        ({"A": "wrecked"}, "Give one word for each of the reports A, B"),
        (list(TRUTH.values()), "Give one word for each"),
    ],
)
def test_odd_verdicts_are_told(told_of, verdicts, word):
    said = told_of(verdicts)
    assert word in said
    assert "Right" not in said


def test_the_numbers_of_the_reports_are_possible(cells):
    # A and B: what 1,000 draws without a miss certify at sigma 0.3 and risk 0.001
    longest = EventCertificate(count=1000, samples=1000, sigma=0.3, alpha=0.001)
    assert f"R = {longest.radius:.2f}, our longest" in cells["exercise-reports-text"]
    assert EventCertificate(count=100, samples=100, sigma=0.3, alpha=0.001).radius < 1


def test_the_text_names_every_word_of_the_reports(cells):
    assert all(f'`"{word}"`' in cells["exercise-reports-text"] for word in TRUTH.values())
