"""What a sweep says is known is known: gaps against their noise, and content at every larger radius."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from unlearnkit.smoothing import Formula, radius_sweep


@pytest.fixture(scope="module")
def swept():
    """The sum of w^4 at 0.5: the second order to 0.2, content from 0.1 on."""
    quartic = Formula(lambda w: w.pow(4).sum(), torch.full((40,), 0.5, dtype=torch.float64))
    return radius_sweep(quartic, [0.001, 0.01, 0.03, 0.1, 0.2, 0.4], queries=200, gradients=8)


def judged(swept, trace, gap, *, predicted=1.0):
    """The verdict on a gap, both as (estimate, standard error)."""
    numbers = [{"estimate": estimate, "stderr": stderr} for estimate, stderr in (trace, gap)]
    trace, gap = (replace(swept.trace, **found) for found in numbers)
    return replace(swept.points[0], gap=gap, predicted=predicted).is_quadratic(trace)


@pytest.mark.parametrize(
    ("trace", "gap", "verdict"),
    [
        ((250, 347), (-1.0, 0.1), None),  # of a trace of either sign any gap is the predicted one
        ((250, 347), (1.0, 0.01), None),
        ((100, 34), (1.0, 0.01), None),  # just below three standard errors
        ((100, 50), (0.3, 0.01), None),  # a trace of 30 is not far off
        ((100, 1), (1.0, 0.4), None),
        ((100, 20), (1.0, 0.01), None),  # two standard errors of 0.2
        ((100, 1), (1.0, 0.2), None),
        ((100, 12), (1.0, 0.01), True),
        ((100, 12), (1.3, 0.01), None),  # 0.3 off, 0.1 + 2 * 0.156 allowed
        ((100, 1), (1.11, 0.01), True),
        ((100, 1), (1.2, 0.01), False),
        ((100, 12), (-1.0, 0.01), False),
        ((-100, 12), (1.0, 0.01), True),
        ((100, 20), (-5.0, 0.01), False),  # however wide, it is not that wide
    ],
)
def test_a_gap_is_the_predicted_one_only_where_both_are_known(swept, trace, gap, verdict):
    assert judged(swept, trace, gap) is verdict


def test_the_tolerance_is_two_standard_errors_of_the_quotient(swept):
    source = np.random.default_rng(0)
    quotients = source.normal(1.2, 0.06, 100_000) / source.normal(100, 4, 100_000) * 100
    gap, trace = (
        replace(swept.trace, estimate=estimate, stderr=stderr) for estimate, stderr in ((1.2, 0.06), (100, 4))
    )
    point = replace(swept.points[0], gap=gap, predicted=1.0)
    assert point.tolerance(trace) == pytest.approx(0.1 + 2 * quotients.std(), rel=0.02)


def test_words_name_the_tolerance_and_do_not_take_noise_for_a_parting(swept):
    assert "to within 10% and two standard errors of their quotient, there 1" in swept.words
    noisy = replace(swept.points[-1].gap, stderr=3.0)
    hidden = replace(swept, points=(*swept.points[:-1], replace(swept.points[-1], gap=noisy)))
    assert (hidden.quadratic_to, hidden.parts_at) == (0.2, None)
    assert "up to 0.2 a weight (beyond it noise hides it)" in hidden.words
    unknown = replace(swept, trace=replace(swept.trace, stderr=swept.trace.estimate))
    assert unknown.quadratic_to is None
    assert "At no swept radius is f_sigma - f known to be sigma^2/2 tr H" in unknown.words


def test_content_from_a_radius_on_is_content_at_every_larger_one(swept):
    def without(place):
        plain = replace(swept.points[place], gradient_shift_interval=(0.0, 5.0))
        return replace(swept, points=(*swept.points[:place], plain, *swept.points[place + 1 :]))

    assert without(4).content_from == 0.4
    assert "where content comes and goes" not in without(4).words
    last = without(5)
    assert last.content_from is None
    assert "From no radius on, from 0.001 to 0.4, is the gradient" in last.words
    assert "surely not by 0); it is at 0.1, 0.2." in last.words
    assert "goes down the loss itself" not in last.words
    assert "1e+02 times smaller than the first that has content" in last.words
