"""Survival against depth: the figure holds folds, means and intervals, and the sentence claims no more."""

from __future__ import annotations

import math

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import survival_depth_figure, survival_depth_sentence

ATTACK = "relearn-100"
T1 = 12.7062047


def at(aim, fold, heldout, outcome="recovered", **more):
    return {"aim": aim, "depth": aim + 0.02, "fold": fold, "heldout": heldout, "outcome": outcome, **more}


@pytest.fixture(autouse=True)
def folds(monkeypatch):
    planned = {"entities": (1, 2, 3, 4), "topic": (1, 2, 3)}
    monkeypatch.setattr("unlearnkit.reports.survival.STEP_SIZE_FOLDS", planned)


@pytest.fixture
def study(study_of):
    return study_of(
        *(at(0.5, fold, 0.9, "not applicable") for fold in (1, 2, 3)),
        at(1.0, 1, 0.40), at(1.0, 2, 0.50), at(1.0, 3, 0.45),
        at(2.0, 1, 0.0, "survived"), at(2.0, 2, 0.2),
        at(3.0, 1, 0.0, "survived"),
        at(1.0, 4, 0.3, task="entities"),
    )  # fmt: skip


def means_of(figure):
    return [trace for trace in figure.data if "mean" in trace.name]


def test_folds_are_points_by_task_and_outcome(study):
    figure = survival_depth_figure(study, attack=ATTACK)
    folds = {(t.xaxis, t.name): (list(t.x), list(t.y)) for t in figure.data if "mean" not in t.name}
    assert folds == {
        ("x", "a fold: recovered"): ([1.02], [0.3]),
        ("x2", "a fold: not applicable"): ([0.52] * 3, [0.9] * 3),
        ("x2", "a fold: recovered"): ([1.02, 1.02, 1.02, 2.02], [0.40, 0.50, 0.45, 0.2]),
        ("x2", "a fold: survived"): ([2.02, 3.02], [0.0, 0.0]),
    }
    assert [a.text for a in figure.layout.annotations][:2] == ["entities task", "topic task"]


def test_outcomes_differ_without_colour(study):
    figure = survival_depth_figure(study, attack=ATTACK)
    assert len({t.marker.symbol for t in figure.data if t.xaxis == "x2" and "mean" not in t.name}) == 3


def test_means_have_their_intervals_over_folds(study):
    _, topic = means_of(survival_depth_figure(study, attack=ATTACK))
    assert list(topic.x) == pytest.approx([0.52, 1.02, 2.02, 3.02])
    assert list(topic.y) == pytest.approx([0.9, 0.45, 0.1, 0.0])
    same, three, two, one = topic.error_y.array
    assert same == 0.0
    assert three == pytest.approx(4.302653 * 0.05 / math.sqrt(3))
    assert two == pytest.approx(T1 * 0.1)
    assert one is None  # one fold has no interval
    assert list(topic.error_y.arrayminus[1:3]) == pytest.approx([three, two])


def test_each_name_is_in_the_legend_once(study):
    shown = [t.name for t in survival_depth_figure(study, attack=ATTACK).data if t.showlegend]
    assert len(shown) == len(set(shown)) == 4


def test_the_margin_and_the_control_are_marked_in_both_panels(study):
    shapes = survival_depth_figure(study, attack=ATTACK).layout.shapes
    assert [(s.y0, s.y1) for s in shapes if s.line.dash == "dash"] == [(0.10, 0.10)] * 2
    assert [(s.x0, s.x1) for s in shapes if s.line.dash == "dot"] == [(1.0, 1.0)] * 2


def test_a_small_recovery_looks_small(study):
    low, high = survival_depth_figure(study, attack=ATTACK).layout.yaxis.range
    assert low <= 0
    assert high >= 1


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False)])
def test_the_theme_is_taken(study, theme, light):
    figure = survival_depth_figure(study, attack=ATTACK, theme=theme)
    assert (figure.layout.template.layout.paper_bgcolor == "white") == light


def test_the_sentence_gives_intervals_folds_and_outcomes(study):
    assert survival_depth_sentence(study, attack=ATTACK) == (
        "Held-out recovery after relearn-100: knowledge of facts that the attack never showed, beyond the "
        "never-learned control's, as mean [95 % t interval over folds].\n"
        "entities task, adam at lr 1e-4: at 1 of the control's depth +0.30 (one value: no interval) (1 of 4 "
        "folds: 1 recovered). Against the margin of 0.1 the mean is, at depth 1 undecided.\n"
        "topic task, adam at lr 1e-4: at 0.5 of the control's depth +0.90 (all 3 the same: no interval) (3 "
        "folds: 3 not applicable); "
        "at 1 of the control's depth +0.45 [+0.33, +0.57] (3 folds: 3 recovered); "
        "at 2 of the control's depth +0.10 [-1.17, +1.37] (2 of 3 folds: 1 survived, 1 recovered); "
        "at 3 of the control's depth +0.00 (one value: no interval) (1 of 3 folds: 1 survived). "
        "Against the margin of 0.1 the mean is, at depth 1 above it; 0.5, 2, 3 undecided."
    )


def test_an_interval_below_the_margin_is_said_to_be(study_of):
    study = study_of(*(at(3.0, fold, held, "survived") for fold, held in ((1, 0.0), (2, 0.01), (3, 0.02))))
    said = survival_depth_sentence(study, attack=ATTACK)
    assert said.endswith("Against the margin of 0.1 the mean is, at depth 3 below it.")


@pytest.mark.parametrize("show", [survival_depth_figure, survival_depth_sentence])
def test_a_record_without_runs_is_refused(study_of, show):
    with pytest.raises(BadInput, match=r"^study: it has no rows"):
        show(study_of(), attack=ATTACK)
    with pytest.raises(BadInput, match=r'^attack: "prune-0.1" was not made'):
        show(study_of({}), attack="prune-0.1")


def test_an_unknown_theme_is_refused(study):
    with pytest.raises(UnknownName, match=r'^theme: "drak"'):
        survival_depth_figure(study, attack=ATTACK, theme="drak")
