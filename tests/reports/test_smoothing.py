"""Figures of smoothing show the numbers they were given, in both themes, and say them in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports.looks import TEMPLATES
from unlearnkit.reports.smoothing import (
    cosine_figure,
    cosine_sentence,
    gap_figure,
    gap_sentence,
    line_figure,
    line_sentence,
    variance_figure,
    variance_sentence,
)
from unlearnkit.smoothing import PAPERS, Formula, compare_gradients, radius_sweep, smoothed_line


@pytest.fixture(scope="module")
def sweep():
    """Of a saddle: its trace is below 0, so the first gaps are."""
    saddle = Formula(lambda w: w.pow(4).sum() - w.square().sum(), torch.full((6,), 0.2).double())
    return radius_sweep(saddle, [1e-4, 1e-2, 1.0], queries=20, gradients=3, trace_samples=2)


@pytest.fixture(scope="module")
def line():
    corner = Formula(lambda w: w.abs().sum(), torch.zeros(1).double())
    return smoothed_line(corner, torch.ones(1).double(), sigmas=[0.5, 0.1], points=3, samples=10)


@pytest.fixture(scope="module")
def comparison():
    return compare_gradients(Formula(lambda w: w.pow(3).sum(), torch.ones(4)), sigma=0.3, samples=20)


@pytest.mark.parametrize("theme", TEMPLATES)
def test_figures_come_in_both_themes(theme, sweep, line, comparison):
    figures = (
        gap_figure({"saddle": sweep}, theme=theme), cosine_figure(sweep, theme=theme),
        line_figure(line, theme=theme), variance_figure(comparison, theme=theme),
    )  # fmt: skip
    backgrounds = {figure.layout.template.layout.paper_bgcolor for figure in figures}
    assert len(backgrounds) == 1
    assert all(figure.layout.title.text and figure.layout.yaxis.title.text for figure in figures)


def test_unknown_themes_are_refused(sweep, line, comparison):
    for draw in (
        lambda: gap_figure({"saddle": sweep}, theme="sepia"), lambda: cosine_figure(sweep, theme="sepia"),
        lambda: line_figure(line, theme="sepia"), lambda: variance_figure(comparison, theme="sepia"),
    ):  # fmt: skip
        with pytest.raises(UnknownName, match="theme"):
            draw()


def test_the_gaps_are_drawn_by_size_and_open_below_the_loss(sweep):
    figure = gap_figure({"saddle": sweep})
    markers, line = figure.data
    assert list(markers.x) == [point.sigma for point in sweep.points]
    assert list(markers.y) == [abs(point.gap.estimate) for point in sweep.points]
    assert list(markers.error_y.array) == [point.gap.stderr for point in sweep.points]
    assert list(line.y) == [abs(point.predicted) for point in sweep.points]
    assert [symbol.endswith("-open") for symbol in markers.marker.symbol] == [True, True, False]
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert len(figure.layout.shapes) == len(PAPERS)  # all of them, of so small a model
    for mark, name, paper in zip(figure.layout.shapes, figure.layout.annotations, PAPERS, strict=True):
        assert (mark.x0, name.x) == (paper.per_weight(6), pytest.approx(math.log10(mark.x0)))
    assert f"f_sigma - f is {sweep.points[1].gap.estimate:.3g}" in gap_sentence({"saddle": sweep})
    assert "sigma^2/2 tr H" in gap_sentence({"saddle": sweep})


def test_a_gap_of_nothing_is_left_out_of_the_logarithm(sweep):
    gone = replace(sweep.points[0], gap=replace(sweep.points[0].gap, estimate=0.0))
    figure = gap_figure({"saddle": replace(sweep, points=(gone, *sweep.points[1:]))})
    assert len(figure.data[0].x) == len(figure.data[1].x) == 2


def test_cosines_stand_beside_what_sampling_leaves(sweep):
    plain, smoothed, expected = cosine_figure(sweep).data
    assert list(plain.y) == [point.cosine_plain for point in sweep.points]
    assert list(smoothed.y) == [point.cosine_smoothed for point in sweep.points]
    assert list(expected.y) == [point.cosine_expected for point in sweep.points]
    assert list(plain.error_y.array) == [6**-0.5] * 3
    assert plain.line.dash != smoothed.line.dash
    assert f"Sampling alone leaves {sweep.points[0].cosine_expected:.2g}" in cosine_sentence(sweep)


def test_the_line_has_a_curve_and_a_band_a_radius(line):
    own, band, curve, *others = line_figure(line).data
    assert list(own.y) == [1.0, 0.0, 1.0]
    assert list(curve.y) == [one.estimate for one in line.smoothed[0.5]]
    assert list(band.y[:3]) == [one.interval[0] for one in line.smoothed[0.5]]
    assert list(band.y[3:]) == [one.interval[1] for one in line.smoothed[0.5]][::-1]
    assert len(others) == 2
    assert "f is 0 at the weights, lowest 0 at alpha 0, highest 1 at -1" in line_sentence(line)


def test_variances_fall_as_one_over_the_cost_through_what_was_measured(comparison):
    figure = variance_figure(comparison)
    for number, found in enumerate(comparison.estimates.values()):
        line, marker = figure.data[2 * number : 2 * number + 2]
        assert marker.x[0] == found.forward_equivalents
        assert marker.y[0] == pytest.approx(found.total_variance / found.samples)
        assert [x * y for x, y in zip(line.x, line.y, strict=True)] == pytest.approx(
            [marker.x[0] * marker.y[0]] * len(line.x)
        )
    assert "two-point: total variance" in variance_sentence(comparison)
    assert comparison.words in variance_sentence(comparison)


def test_what_has_no_variance_has_no_line():
    linear = Formula(lambda w: w.sum(), torch.ones(3))
    found = compare_gradients(linear, samples=4, methods=["first order", "two-point"])
    assert {trace.name for trace in variance_figure(found).data} == {"two-point"}
    with pytest.raises(BadInput, match="no method has any variance"):
        variance_figure(compare_gradients(linear, samples=4, methods=["first order"]))


@pytest.mark.parametrize("count", [0, 7])
def test_too_few_and_too_many_sweeps_are_refused(sweep, count):
    with pytest.raises(BadInput, match=f"but {count} were given"):
        gap_figure({str(number): sweep for number in range(count)})


def test_a_sweep_without_a_name_and_a_line_of_too_many_radii_are_refused(sweep, line):
    with pytest.raises(BadInput, match="but a RadiusSweep were given"):
        gap_figure(sweep)
    many = {float(number): line.smoothed[0.5] for number in range(7)}
    with pytest.raises(BadInput, match="6 radii at most, but it has 7"):
        line_figure(replace(line, smoothed=many))
