"""The figure of what is certified beside attacks, and its twin in words."""

from __future__ import annotations

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import (
    certified_figure,
    certified_sentence,
    smoothing_answer,
    smoothing_answer_sentence,
)
from unlearnkit.studies.smoothing_table import smoothing_frame


@pytest.fixture(scope="module")
def record(smooth_study_of):
    return smooth_study_of(
        {"name": "adam", "forgotten": (280, 280)}, {"name": "adam", "fold": 2, "forgotten": (290, 290)},
        {"name": "adazo", "status": "destroyed", "kept": 20},
        {"name": "adazo", "fold": 2, "status": "destroyed", "kept": 30},
    )  # fmt: skip


def drawn(figure, name):
    """The lengths of one kind, a panel each."""
    return [[x for x in trace.x if x is not None] for trace in figure.data if trace.name.startswith(name)]


def test_every_radius_and_attack_is_drawn_once(record):
    figure = certified_figure(record, task="topic")
    frame = smoothing_frame(record)
    for panel, where in enumerate(("all weights", "attack subspace")):
        mine = frame[frame["where"] == where]
        assert sorted(drawn(figure, "certified")[panel]) == sorted(mine.radius[mine.radius > 0])
        assert drawn(figure, "relearning")[panel] == mine.relearning_inside.tolist()
        assert drawn(figure, "rounding")[panel] == mine.rounding_inside.tolist()
        edge = drawn(figure, "nothing certified")[panel]
        assert len(edge) == int((mine.radius == 0).sum()) == 4
        assert max(edge) < min(frame.radius[frame.radius > 0])


def test_a_fold_stands_in_the_line_of_its_optimizer(record):
    figure = certified_figure(record, task="topic")
    radii = next(trace for trace in figure.data if trace.name.startswith("certified"))
    placed = {name for name, x in zip(radii.y, radii.x, strict=True) if x is not None}
    assert placed == {"adam", "never_learned"}
    assert figure.layout.yaxis.categoryarray == ("never_learned", "target", "adazo", "adam")
    assert figure.layout.xaxis.type == "log"


def test_the_legend_names_each_kind_once(record):
    named = [trace.name for trace in certified_figure(record, task="topic").data if trace.showlegend]
    assert len(named) == len(set(named)) == 4


def test_the_words_say_what_the_figure_shows(record):
    said = certified_sentence(record, task="topic").splitlines()
    assert said[1] == "Noise on all weights, sigma 0.03:"
    assert said[3].startswith("adazo (2 destroyed) answers 0.42 [")
    assert said[3].endswith("nothing is certified.")
    assert (
        "works on 2 of 2 folds; 1.00 (all 2 the same: no interval) of the facts certified, +1.00" in said[2]
    )
    assert "relearning" in said[2]
    assert sum("adazo" in line for line in said) == 2


def test_the_answer_in_words_says_who_was_not_compared_and_what_is_beyond(record, smooth_study_of):
    said = smoothing_answer_sentence(smoothing_answer(record))
    assert "adazo not compared: fold 1, destroyed against forgotten; fold 2, destroyed against" in said
    assert "2 of 4 runs; 1.00% of its square" in said
    none = smooth_study_of({"kept": 20}, {"name": "sgd", "kept": 20})
    assert "rounding is beyond, as nothing is certified of 2 runs" in smoothing_answer_sentence(
        smoothing_answer(none)
    )


def test_an_unknown_theme_and_task_are_named(record):
    with pytest.raises(UnknownName, match="theme"):
        certified_figure(record, task="topic", theme="blue")
    with pytest.raises(BadInput, match="'entities'; it has topic"):
        certified_figure(record, task="entities")
    with pytest.raises(BadInput, match="'entities'"):
        certified_sentence(record, task="entities")
