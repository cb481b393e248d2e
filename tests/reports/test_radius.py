"""The sweep of radii as it is shown."""

from __future__ import annotations

import json

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import radius_figure, radius_sentence
from unlearnkit.resources import data_path
from unlearnkit.studies.radius_table import radius_frame


@pytest.fixture(scope="module")
def record():
    return json.loads(data_path("records", "radius.json").read_text(encoding="utf-8"))


def test_a_panel_a_place_with_all_three_estimates(record):
    figure = radius_figure(record)
    assert [a.text for a in figure.layout.annotations] == [
        "mean_nll at the target model", "npo at the target model",
        "mean_nll at the never_learned model", "npo at the never_learned model",
    ]  # fmt: skip
    for axis in ("x", "x2", "x3", "x4"):
        names = [trace.name for trace in figure.data if trace.xaxis == axis]
        assert names == ["quartiles", "central, float32", "forward, float32", "central, true double"]
    assert [t.name for t in figure.data if t.showlegend] == names[1:]


def test_lines_are_medians_and_the_band_lies_between_quartiles(record):
    figure, frame = radius_figure(record), radius_frame(record)
    mine = frame.query("model == 'never_learned' and loss == 'npo' and estimate == 'central_float32'")
    band, line = (t for t in figure.data if t.xaxis == "x4" and t.legendgroup == "central, float32")
    assert list(line.y) == mine["median"].tolist()
    assert list(band.y) == [*mine.high, *mine.low[::-1]]
    assert list(line.x) == list(band.x[:13]) == mine.radius.tolist()


def test_both_axes_are_logarithmic_and_the_default_is_marked(record):
    figure = radius_figure(record)
    assert {figure.layout.xaxis.type, figure.layout.yaxis4.type} == {"log"}
    assert [(s.x0, s.line.dash) for s in figure.layout.shapes] == [(1e-3, "dot")] * 4


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False)])
def test_the_theme_is_taken(record, theme, light):
    assert (radius_figure(record, theme=theme).layout.template.layout.paper_bgcolor == "white") == light


def test_the_sentence_says_both_sides_and_what_is_chosen(record):
    said = radius_sentence(record).splitlines()
    assert said[2] == (
        "npo at the target model: least at 1e-3 (0.77 %), 0.77 % at the default. Left of it the error is as "
        "radius to the power -0.9 (rounding); in true double to the power 2.0 (curvature)."
    )
    assert said[-1] == "The radius whose worst error is smallest is 1e-3 (0.77 % at worst), the default."


def test_what_cannot_be_shown_is_refused(record):
    with pytest.raises(BadInput, match=r"^record has no rows"):
        radius_sentence({})
    with pytest.raises(UnknownName, match=r'^theme: "drak"'):
        radius_figure(record, theme="drak")
