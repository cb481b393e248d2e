"""What is drawn and told of losses under noise."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps import SmoothingExplorer

from . import noisy
from .noisy import ALL, drawn_in, here, title, traces

# What is drawn


def test_at_first_everything_is_shown_where_the_certificate_works(explorer):
    fresh = SmoothingExplorer(noisy.whole())
    assert fresh.shown.choice.sigma == 0.1  # at 1 the model is wrecked
    assert fresh.shown.choice.figures == ALL
    assert fresh.sentence.startswith("the model under noise of sigma 0.1.")


def test_the_line_has_the_chosen_sigma_alone(explorer):
    line = noisy.line()
    for sigma in (1.0, 0.1):
        explorer.choose(sigma=sigma)
        drawn = traces(explorer, "line")
        assert set(drawn) == {"f", f"f_sigma, sigma {sigma:g}"}
        assert list(drawn[f"f_sigma, sigma {sigma:g}"].y) == [one.estimate for one in line.smoothed[sigma]]
        assert list(drawn["f"].y) == list(line.values)


@pytest.mark.parametrize("figure", ["gap", "cosine"])
def test_the_line_at_sigma_moves_with_it(explorer, figure):
    for sigma in (0.01, 1.0, 0.1):
        explorer.choose(sigma=sigma)
        assert here(explorer, figure) == sigma
    shapes = len(explorer.figure.layout.shapes)
    explorer.choose(sigma=0.01)
    assert len(explorer.figure.layout.shapes) == shapes


def test_the_gap_is_told_beside_its_closed_form(explorer):
    for sigma in noisy.SIGMAS:
        explorer.choose(sigma=sigma)
        point = explorer.shown.seen.point
        assert point.gap.estimate == pytest.approx(noisy.gap(sigma), abs=5 * point.gap.stderr)
        assert point.predicted == pytest.approx(60 * sigma**2, rel=1e-6)
        assert f"At sigma {sigma:.3g} f_sigma - f is {point.gap.estimate:.3g}" in explorer.sentence
    assert "They agree up to 0.1, and part beyond it." in explorer.sentence


def test_where_the_second_order_ends_is_said_at_each_sigma(explorer):
    assert "sigma²/2 tr H 0.6: the second order says it all" in explorer.sentence
    explorer.choose(sigma=1.0)
    assert "sigma²/2 tr H 60: the second order no longer says it" in explorer.sentence


def test_the_cosines_are_told_beside_what_sampling_alone_gives(explorer):
    explorer.choose(sigma=1.0)
    point = explorer.shown.seen.point
    expected = np.sqrt(200 / (200 + 40 - 1))
    assert f"sampling alone would give {expected:.2g}" in explorer.sentence
    assert f"a cosine of {point.cosine_plain:.2g} with grad f" in explorer.sentence
    assert "zeroth order goes down another loss" in explorer.sentence
    explorer.choose(sigma=0.01)
    assert "zeroth order goes down the loss itself, with noise" in explorer.sentence


def test_the_variances_are_those_of_the_nearest_sigma_and_it_is_said(explorer):
    explorer.choose(sigma=1.0)
    found = noisy.gradients()[0.1]
    assert title(explorer, "variance").endswith("sigma 0.1")
    markers = [trace for trace in drawn_in(explorer, "variance") if trace.mode == "markers"]
    assert [trace.y[0] for trace in markers] == [one.stderr**2 for one in found.estimates.values()]
    assert "Not computed there, so the nearest is shown: gradients at 0.1." in explorer.sentence
    assert explorer.status.text in explorer.sentence
    explorer.choose(figures=["line"])
    assert "Not computed" not in explorer.sentence  # nothing of it is shown
