"""Survival against retention: the figure holds means, intervals and folds, and the sentences say them."""

from __future__ import annotations

import math

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import (
    step_size_answer,
    step_size_answer_sentence,
    step_size_figure,
    step_size_sentence,
    step_size_table,
)

ATTACK = "relearn-100"
RATES = {"adam": (1e-4, 1e-3), "signadam": (3.2e-5,)}
T1 = 12.7062047


def run(optimizer, lr, fold, retain, heldout, **more):
    return {"optimizer": optimizer, "lr": lr, "fold": fold, "retain": retain, "heldout": heldout, **more}


@pytest.fixture(autouse=True)
def folds(monkeypatch):
    planned = {"entities": (1, 2, 3, 4), "topic": (1, 2, 3)}
    monkeypatch.setattr("unlearnkit.studies.step_size_table.STEP_SIZE_FOLDS", planned)


@pytest.fixture
def study(study_of):
    return study_of(
        run("adam", 1e-4, 1, 0.98, 0.80), run("adam", 1e-4, 2, 0.96, 0.60),
        run("adam", 1e-3, 1, 0.80, 0.20), run("adam", 1e-3, 2, 0.76, 0.00, outcome="destroyed"),
        run("signadam", 3.2e-5, 1, 0.94, 0.50, outcome="survived"),
        run("adam", 1e-4, 1, 0.9, 0.3, task="entities"),
    )  # fmt: skip


def traces_of(figure, panel, kind):
    return {t.legendgroup: t for t in figure.data if t.xaxis == panel and kind in t.name}


def test_means_have_intervals_both_ways(study):
    adam = traces_of(step_size_figure(study, attack=ATTACK), "x2", "mean")["adam"]
    assert list(adam.x) == pytest.approx([0.97, 0.78])
    assert list(adam.y) == pytest.approx([0.70, 0.10])
    assert list(adam.error_x.array) == pytest.approx([T1 * 0.01, T1 * 0.02])
    assert list(adam.error_y.array) == list(adam.error_y.arrayminus) == pytest.approx([T1 * 0.1, T1 * 0.1])


def test_one_fold_has_no_bar(study):
    sign = traces_of(step_size_figure(study, attack=ATTACK), "x2", "mean")["signadam"]
    assert (sign.error_x.array[0], sign.error_y.array[0]) == (None, None)


def test_learning_rates_differ_in_size_and_label(study):
    adam = traces_of(step_size_figure(study, attack=ATTACK), "x2", "mean")["adam"]
    assert list(adam.text) == ["1e-4", "1e-3"]
    assert adam.marker.size[0] < adam.marker.size[1]


def test_folds_stand_behind_in_their_optimizers_look(study):
    figure = step_size_figure(study, attack=ATTACK)
    folds, means = (traces_of(figure, "x2", kind) for kind in (": folds", "mean"))
    assert list(folds["adam"].x) == [0.98, 0.96, 0.80, 0.76]
    assert list(folds["adam"].y) == [0.80, 0.60, 0.20, 0.00]
    assert folds["adam"].opacity < 1
    assert folds["adam"].marker.symbol == means["adam"].marker.symbol != means["signadam"].marker.symbol
    assert folds["adam"].marker.color == means["adam"].marker.color != means["signadam"].marker.color


def test_margin_and_floor_are_marked_in_both_panels(study):
    figure = step_size_figure(study, attack=ATTACK)
    assert [(s.y0, s.y1) for s in figure.layout.shapes if s.line.dash == "dash"] == [(0.10, 0.10)] * 2
    assert [s.x0 for s in figure.layout.shapes if s.line.dash == "dot"] == pytest.approx([0.8, 0.8])
    assert figure.layout.xaxis.range[0] < 0.76
    assert [t.name.split(":")[0] for t in figure.data if t.showlegend] == ["adam", "signadam"]


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False)])
def test_the_theme_is_taken(study, theme, light):
    figure = step_size_figure(study, attack=ATTACK, theme=theme)
    assert (figure.layout.template.layout.paper_bgcolor == "white") == light


def test_the_sentence_gives_intervals_folds_and_what_is_missing(study):
    assert step_size_sentence(study, attack=ATTACK, rates=RATES) == (
        "Runs stopped at never_learned's depth, then relearn-100. Retained before it, and held-out recovery "
        "beyond the control's, as mean [95 % t interval over folds].\n"
        "entities task, adam: lr 1e-4 retains 0.90 (one value: no interval), comes back by +0.30 (one value: "
        "no interval) (n = 1, 0 survived, 3 without a run at this depth); "
        "lr 1e-3 in no fold, 4 without a run at this depth.\n"
        "entities task, signadam: lr 3.2e-5 in no fold, 4 without a run at this depth.\n"
        "topic task, adam: lr 1e-4 retains 0.97 [0.84, 1.10], comes back by +0.70 [-0.57, +1.97] (n = 2, 0 "
        "survived, 1 without a run at this depth); "
        "lr 1e-3 retains 0.78 [0.53, 1.03], comes back by +0.10 [-1.17, +1.37] (n = 2, 0 survived, 1 "
        "destroyed, 1 without a run at this depth).\n"
        "topic task, signadam: lr 3.2e-5 retains 0.94 (one value: no interval), comes back by +0.50 (one "
        "value: no interval) (n = 1, 1 survived, 2 without a run at this depth)."
    )


def test_the_answer_in_words_claims_no_more_than_the_intervals(study_of):
    study = study_of(
        *(run("adam", 1e-4, fold, 0.95, 0.60 + fold / 100) for fold in (1, 2, 3)),
        *(run("adam", 1e-3, fold, 0.85 + fold / 100, 0.20) for fold in (1, 2, 3)),
        *(run("signadam", 1e-4, fold, 0.95, held) for fold, held in ((1, 0.2), (2, 0.9), (3, 0.6))),
    )
    said = step_size_answer_sentence(step_size_answer(study, ATTACK)).splitlines()
    assert said[1] == (
        "topic task, best retention (signadam at 1e-4 - adam at 1e-4): -0.05 [-0.91, +0.81], "
        "n = 3 folds; undecided."
    )
    assert said[3] == (
        "topic task, largest - smallest lr, adam (adam at 1e-3 - at 1e-4): -0.42 [-0.44, -0.40], n = 3 "
        "folds; less came back; retention differs by -0.08 [-0.10, -0.06]."
    )
    assert said[4] == (
        "topic task, largest - smallest lr, signadam (signadam: fewer than two learning rates to compare): "
        "no value, n = 0 folds; undecided."
    )
    assert said[-1].endswith('"undecided" is no proof of equality.')


def test_one_fold_never_decides(study_of):
    study = study_of(run("adam", 1e-4, 1, 0.95, 0.9), run("signadam", 1e-4, 1, 0.95, 0.0))
    said = step_size_answer_sentence(step_size_answer(study, ATTACK))
    assert "-0.90 (one value: no interval), n = 1 fold; undecided" in said


@pytest.mark.parametrize("show", [step_size_figure, step_size_sentence])
def test_a_record_without_runs_is_refused(study_of, show):
    with pytest.raises(BadInput, match=r"^study: it has no rows"):
        show(study_of(), attack=ATTACK)
    assert math.isclose(step_size_table(study_of({}), ATTACK, rates={}).heldout[0], 0.5)


def test_an_unknown_theme_is_refused(study):
    with pytest.raises(UnknownName, match=r'^theme: "drak"'):
        step_size_figure(study, attack=ATTACK, theme="drak")
