"""Flatness against survival, in figure and words."""

from __future__ import annotations

import math

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import (
    flatness_answer,
    flatness_answer_sentence,
    flatness_figure,
    flatness_sentence,
)
from unlearnkit.studies.flatness_answer import FlatnessAnswer, FlatnessContrast, FlatnessCorrelation
from unlearnkit.studies.intervals import Interval
from unlearnkit.studies.rank_correlation import RankCorrelation

TRACES = {"adam": (-40.0, 4.0), "sgd": (800.0, 0.5)}


@pytest.fixture(scope="module")
def record(flat_study_of):
    runs = [
        {"name": name, "fold": fold, "trace": tuple(fold * t for t in found), "heldout": fold / 10}
        for name, found in TRACES.items()
        for fold in (1, 2, 3)
    ]
    return flat_study_of(
        *runs, {"name": "adazo", "trace": (9000.0, 70.0), "status": "destroyed", "distance": 40.0}
    )


def panel(figure, number):
    axis = "x" if number == 1 else f"x{number}"
    return {trace.name: trace for trace in figure.data if trace.xaxis == axis}


def told(axis):
    return dict(zip(axis.ticktext, axis.tickvals, strict=True))


def test_what_is_to_be_forgotten_stands_above_what_is_to_be_kept_and_other_explanations_last(record):
    figure = flatness_figure(record, task="topic")
    assert [a.text for a in figure.layout.annotations] == [
        "forget: trace", "forget: adaptive sharpness", "forget: barrier to target",
        "distance from the target (L2)",
        "retain: trace", "retain: adaptive sharpness", "retain: barrier to target",
        "depth (1: never_learned's)",
    ]  # fmt: skip
    assert figure.layout.title.text == "What relearn-100 brings back, against flatness: topic task"


def test_a_marker_a_run_with_its_interval(record):
    figure = flatness_figure(record, task="topic", measures=["trace"])
    adam = panel(figure, 1)["adam"]
    unit = 10.0  # two decades below the largest modulus, 9000
    expected = [-math.log10(1 + t / unit) for t in (40, 80, 120)]
    assert list(adam.x) == pytest.approx(expected)
    assert list(adam.y) == pytest.approx([0.1, 0.2, 0.3])
    low, high = (-math.log10(1 + t / unit) for t in (42, 38))
    assert adam.error_x.arrayminus[0] == pytest.approx(adam.x[0] - low)
    assert adam.error_x.array[0] == pytest.approx(high - adam.x[0])
    assert panel(figure, 2)["adam"].error_x.array[0] is None  # nobody samples a distance


def test_the_scale_has_a_place_for_zero_and_both_signs(record):
    axis = flatness_figure(record, task="topic", measures=["trace"]).layout.xaxis
    marks = told(axis)
    assert list(marks) == ["-100", "0", "100", "1000", "10000"]
    assert marks["0"] == 0
    assert marks["1000"] == pytest.approx(math.log10(101))
    assert marks["-100"] == pytest.approx(-marks["100"])


def test_a_scale_of_less_than_a_decade_has_more_marks(flat_study_of):
    found = flat_study_of({"distance": 3.0}, {"name": "sgd", "distance": 6.0})
    found["controls"][0]["cost"]["distance_l2"] = 5.0
    axis = flatness_figure(found, task="topic", measures=["trace"]).layout.xaxis2
    assert list(told(axis)) == ["0", "0.1", "0.2", "0.5", "1", "2", "5"]


def test_open_markers_did_not_forget_and_grey_ones_are_no_runs(record):
    traces = panel(flatness_figure(record, task="topic"), 1)
    assert set(traces["adam"].marker.symbol) == {"circle"}
    assert {symbol.endswith("-open") for symbol in traces["adazo"].marker.symbol} == {True}
    assert traces["never_learned"].marker.color == "#7F7F7F"
    assert traces["never_learned"].marker.color != traces["adazo"].marker.color
    assert list(traces) == ["adam", "sgd", "adazo", "never_learned"]


def test_each_name_stands_once_in_the_legend(record):
    shown = [trace.name for trace in flatness_figure(record, task="topic").data if trace.showlegend]
    assert shown == ["adam", "sgd", "adazo", "never_learned"]


def test_adam_is_not_drawn_at_its_way_to_itself(record):
    figure = flatness_figure(record, task="topic", measures=["trace", "to_adam"])
    assert "adam" in panel(figure, 1)
    assert "adam" not in panel(figure, 2)


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False)])
def test_the_theme_is_taken(record, theme, light):
    figure = flatness_figure(record, task="topic", theme=theme)
    assert (figure.layout.template.layout.paper_bgcolor == "white") == light


def test_the_sentence_says_how_flat_how_far_and_what_came_back(record):
    lines = flatness_sentence(record, task="topic", measures=["trace", "to_adam"]).splitlines()
    assert lines[0] == "topic task, relearn-100: means over folds [95 % t interval]."
    assert [line.split(" ")[0] for line in lines[1:]] == ["adam", "sgd", "adazo", "never_learned"]
    assert lines[1] == (
        "adam (3 forgotten): trace -80 [-179.4, 19.37] on what must be forgotten and "
        "8 [-1.937, 17.94] on what must be kept; distance 4 (all 3 the same: no interval); "
        "+0.20 [-0.05, +0.45] came back."
    )
    assert "barrier to Adam's 450 (one value: no interval) on what must be forgotten" in lines[3]


def test_the_answer_in_words(record):
    said = flatness_answer_sentence(flatness_answer(record)).splitlines()
    assert said[0] == "Flatter than Adam's, at equal status? Differences of |trace| over folds."
    assert said[1] == ("topic task, forget: adazo not compared: fold 1, destroyed against forgotten.")
    assert said[2].startswith("topic task, forget: sgd +1520 [")
    assert said[2].endswith("n = 3 folds; undecided (distance +0 (all 3 the same: no interval)).")
    assert said[5].startswith("By other measures flatter, 0 of ") and said[5].endswith(": none.")
    assert said[6].startswith("By other measures sharper, ")
    assert said[7].endswith("no proof of equality.")
    assert (
        said[8] == "Does flatness go along with what relearn-100 brings back? Rank correlations within folds."
    )
    assert said[9] == "topic task, distance: not told (n = 6)"


def test_the_answer_by_one_measure_names_what_others_say():
    sure, unsure = Interval(-4.0, -5.0, -3.0, n=3), Interval(-4.0, -9.0, 1.0, n=3)
    told = {("trace", "signadam"): unsure, ("sam", "signadam"): sure, ("worst", "signadam"): unsure}
    contrasts = tuple(
        FlatnessContrast("topic", "forget", measure, name, "sign", (1, 2, 3), {}, found, found)
        for (measure, name), found in told.items()
    )
    strong, weak = RankCorrelation(0.8, 0.2, 1.0, 0.01, 13), RankCorrelation(0.3, -0.2, 0.7, 0.3, 13)
    correlations = tuple(
        FlatnessCorrelation("topic", "forget", measure, found, 0.1, 0.5)
        for measure, found in (("trace", weak), ("sam", strong), ("worst", weak))
    )
    said = flatness_answer_sentence(FlatnessAnswer("relearn-100", contrasts, correlations))
    assert "By other measures flatter, 1 of 2 comparisons: topic forget, signadam by sam." in said
    assert "By other measures sharper, 0 of 2 comparisons: none." in said
    assert "Of 2 other measures these go along with it: topic forget, sam +0.80 [+0.20, +1.00]" in said


def test_what_cannot_be_shown_is_refused(record):
    with pytest.raises(UnknownName, match=r'^theme: "drak"'):
        flatness_figure(record, task="topic", theme="drak")
    with pytest.raises(BadInput, match=r'^task: the record has nothing of "entities"'):
        flatness_sentence(record, task="entities")
    with pytest.raises(BadInput, match=r'^measures: "tracce"'):
        flatness_figure(record, task="topic", measures=["tracce"])
