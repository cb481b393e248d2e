"""The frontier's figure shows the points it was given, and its sentence says the presets."""

from __future__ import annotations

import copy

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import frontier_figure, frontier_frame, frontier_sentence


def point(steps, nll, retain, status):
    return {
        "steps": steps, "nll_forget": nll, "knowmem_forget_shown": 0.1, "knowmem_forget_heldout": 0.2,
        "knowmem_retain": retain, "forward_equivalents": 3.0 * steps, "distance_l2": 2.5, "status": status,
    }  # fmt: skip


def pair(optimizer, *lines, chosen=(0, 0), outcome="reached", **more):
    line, place = chosen
    lr, points = lines[line]
    return {
        "task": "topic", "objective": "npo", "optimizer": optimizer, "seed": 0,
        "never_learned": {"nll_forget": 4.0, "knowmem_retain": 0.99},
        "choice": {"lr": lr, "outcome": outcome, **points[place]},
        "lines": [{"lr": lr, "ended": "budget" if p else "diverged", "points": p} for lr, p in lines],
        **more,
    }  # fmt: skip


@pytest.fixture
def frontiers():
    adam = pair(
        "adam",
        (1e-4, [point(50, 2.0, 0.97, "not reached"), point(100, 4.2, 0.95, "forgotten")]),
        (1e-3, [point(20, 4.4, 0.70, "destroyed")]),
        (1e-2, []),
        chosen=(0, 1),
    )
    adazo = pair("adazo", (3.2e-4, [point(90, 9.0, 0.10, "destroyed")]), outcome="destroyed")
    other = pair("adam", (1e-4, [point(70, 3.0, 0.90, "forgotten")]), task="entities")
    return {"schema": 1, "pairs": [adam, adazo, other]}


def test_the_frame_has_every_point(frontiers):
    frame = frontier_frame(frontiers)
    assert frame[["task", "optimizer", "lr", "steps"]].to_numpy().tolist() == [
        ["topic", "adam", 1e-4, 50], ["topic", "adam", 1e-4, 100], ["topic", "adam", 1e-3, 20],
        ["topic", "adazo", 3.2e-4, 90], ["entities", "adam", 1e-4, 70],
    ]  # fmt: skip
    assert frame.chosen.tolist() == [False, True, False, True, True]
    assert frame.relative_depth.tolist() == [0.5, 1.05, 1.1, 2.25, 0.75]
    assert frame.forward_equivalents.tolist() == [150.0, 300.0, 60.0, 270.0, 210.0]


def test_every_learning_rate_is_a_line_in_the_order_of_its_steps(frontiers):
    frontiers["pairs"][0]["lines"][0]["points"].reverse()
    lines = [t for t in frontier_figure(frontiers, task="topic").data if t.mode == "lines+markers"]
    assert [(t.name, list(t.x), list(t.y)) for t in lines] == [
        ("adam", [2.0, 4.2], [0.97, 0.95]), ("adam", [4.4], [0.70]), ("adazo", [9.0], [0.10]),
    ]  # fmt: skip
    assert [t.showlegend for t in lines] == [True, False, True]
    assert lines[0].marker == lines[1].marker
    assert lines[0].marker.symbol != lines[2].marker.symbol
    assert lines[0].marker.color != lines[2].marker.color


def test_hovering_tells_rate_steps_status_and_cost(frontiers):
    line = frontier_figure(frontiers, task="topic").data[0]
    assert list(line.customdata[1]) == ["adam", 1e-4, 100, "forgotten", 0.1, 0.2, 300.0, 2.5]


def test_presets_are_ringed_apart_by_whether_they_reached_the_depth(frontiers):
    rings = {
        t.name: (list(t.x), list(t.y))
        for t in frontier_figure(frontiers, task="topic").data
        if "preset" in t.name
    }
    assert rings == {"preset, reached": ([4.2], [0.95]), "preset, not reached": ([9.0], [0.10])}


def test_the_controls_band_and_the_destroyed_zone_are_marked(frontiers):
    spans = [(s.type, s.x0, s.x1, s.y0, s.y1) for s in frontier_figure(frontiers, task="topic").layout.shapes]
    assert spans[0][:3] == ("rect", 3.0, 5.0)
    assert spans[1][:3] == ("line", 4.0, 4.0)
    # Halfway between 0.70, called destroyed, and 0.95, the lowest that was not.
    assert spans[2][4] == pytest.approx(0.825)


def test_the_zones_end_can_be_given(frontiers):
    zone = frontier_figure(frontiers, task="topic", target_retain=0.9).layout.shapes[-1]
    assert zone.y1 == pytest.approx(0.72)


def test_without_a_destroyed_point_nothing_tells_where_the_zone_ends(frontiers):
    figure = frontier_figure(frontiers, task="entities")
    assert len(figure.layout.shapes) == 2
    assert "zone: destroyed" not in [t.name for t in figure.data]


def test_points_beyond_the_axis_are_counted(frontiers):
    figure = frontier_figure(frontiers, task="topic")
    assert figure.layout.xaxis.range[1] < 9.0
    assert "1 point further right: zoom out" in [a.text for a in figure.layout.annotations]
    assert len(frontier_figure(frontiers, task="entities").layout.annotations) == 1


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False)])
def test_the_theme_is_taken(frontiers, theme, light):
    figure = frontier_figure(frontiers, task="topic", theme=theme)
    assert (figure.layout.template.layout.paper_bgcolor == "white") == light


def test_the_sentence_gives_each_preset_or_how_it_failed(frontiers):
    assert frontier_sentence(frontiers, task="topic") == (
        "On the topic task never_learned stands at 4.00 nats a token and retains 99%.\n"
        "adam reaches 4.20 nats with 95% retained (lr 1e-4, 100 steps, 300 forward-equivalents; 3 learning "
        "rates tried, 1 diverged);\n"
        "adazo has no point that forgot (destroyed); its preset is destroyed at 9.00 nats with 10% retained "
        "(lr 3.2e-4, 90 steps, 270 forward-equivalents; 1 learning rate tried).\n"
        "Each of these is one run on one fold: nothing here says how much another would differ."
    )


def test_several_objectives_are_not_mixed(frontiers):
    other = copy.deepcopy(frontiers["pairs"][0]) | {"objective": "graddiff", "optimizer": "sgd"}
    frontiers["pairs"].append(other)
    with pytest.raises(BadInput, match=r"^objective: several were calibrated \(graddiff, npo\); name one"):
        frontier_figure(frontiers, task="topic")
    lines = frontier_figure(frontiers, task="topic", objective="graddiff").data
    assert {t.name for t in lines if t.mode == "lines+markers"} == {"sgd"}


@pytest.mark.parametrize("show", [frontier_figure, frontier_sentence])
def test_an_unknown_task_is_refused(frontiers, show):
    with pytest.raises(UnknownName, match=r'^task: "topics" is not known; did you mean "topic"'):
        show(frontiers, task="topics")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content.pop("pairs"), r"^frontiers: it has no pairs"),
        (lambda content: content["pairs"].clear(), r"^frontiers: there is no pair"),
        (lambda content: content["pairs"][0].pop("choice"), r"^frontiers: a pair has no choice.lr"),
        (lambda content: content["pairs"][0].pop("never_learned"), r"has no never_learned.nll_forget"),
        (lambda content: content["pairs"][0]["lines"][0].pop("ended"), r"^frontiers: a line has no ended"),
        (
            lambda content: content["pairs"][0]["lines"][0]["points"][0].pop("status"),
            r"a point has no status",
        ),
        (lambda content: [p.update(lines=[]) for p in content["pairs"]], r"^frontiers: no line has a point"),
    ],
)
@pytest.mark.parametrize("show", [frontier_figure, frontier_sentence])
def test_what_is_missing_is_named(frontiers, show, spoil, message):
    spoil(frontiers)
    with pytest.raises(BadInput, match=message):
        show(frontiers, task="topic")
