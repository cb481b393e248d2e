"""The view as a whole: its messages, its theme, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from plotly.basedatatypes import Undefined

import unlearnkit as uk
from unlearnkit.apps import SmoothingExplorer
from unlearnkit.apps.smoothing.redraw import Drawing, redraw
from unlearnkit.errors import BadInput, UnknownName

from . import noisy
from .noisy import ALL, FIRST, axis, end_of, values


def test_a_step_sends_one_message_of_what_differs_and_back_again_draws_the_same(explorer, monkeypatch):
    explorer.choose(sigma=1.0)
    explorer.choose(sigma=0.1)
    before, widget, sent = values(explorer), explorer.figure, []
    monkeypatch.setattr(widget, "_send_update_msg", lambda *a, **k: sent.append(k or a))
    explorer.choose(sigma=1.0)
    assert len(sent) == 1
    explorer.choose(sigma=1.0)
    assert len(sent) == 1  # nothing differs
    explorer.choose(**FIRST)
    assert len(sent) == 2
    assert explorer.figure is widget
    assert values(explorer) == before


def test_what_does_not_differ_is_not_sent():
    one = {"type": "scatter", "xaxis": "x", "x": (0, 1), "y": [1, 2], "line": {"width": 2, "dash": "dot"}}
    other = {**one, "y": np.array([1, 3]), "line": {"width": 2}}
    before, after = (Drawing.of({"data": [kept, one], "layout": {"a": 1}}) for kept in (one, other))
    sent = []
    widget = type("Widget", (), {"plotly_update": lambda _, *given: sent.append(given)})()
    assert redraw(widget, before, after)
    ((style, layout),) = sent
    assert set(style) == {"y", "line.dash"}
    assert style["line.dash"] == [None, Undefined]  # it is gone
    assert list(style["y"][0]) == [1, 3]
    assert layout == {}
    assert not redraw(widget, before, Drawing.of({"data": [one], "layout": {}}))


def test_a_figure_that_was_moved_on_is_as_one_drawn_anew(explorer):
    last = {"model": "adazo", "sigma": 1.0, "simultaneous": True, "share": "retain"}
    for changes in ({"sigma": 0.01}, {"simultaneous": True}, {"model": "adazo"}, last):
        explorer.choose(**changes)
    moved = values(explorer)
    explorer.choose(figures=["line"])
    explorer.choose(figures=list(ALL))
    assert without_identity(values(explorer)) == without_identity(moved)


def without_identity(told):
    return re.sub(r", 'uid': '[^']*'", "", told)


def test_figures_stand_apart_two_abreast_and_an_odd_one_has_the_room(explorer):
    layout = explorer.figure.layout
    cells = [(axis(explorer, name).domain, layout[f"yaxis{end_of(explorer, name)}"].domain) for name in ALL]
    for at, (across, upwards) in enumerate(cells):
        for other, above in cells[at + 1 :]:
            assert across[1] < other[0] or other[1] < across[0] or above[1] < upwards[0]
    assert cells[0][1] == cells[1][1]
    assert cells[-1][0][1] - cells[-1][0][0] > 0.85
    explorer.choose(figures=["certificate"])
    assert axis(explorer, "certificate").domain[1] - axis(explorer, "certificate").domain[0] > 0.85


def test_the_theme_is_of_every_figure(explorer):
    explorer.controls.dark.value = True
    for changes in ({}, {"figures": ["line"]}, {"figures": list(ALL), "sigma": 1.0}):
        explorer.choose(**changes)
        assert explorer.figure.layout.template.layout.paper_bgcolor == "rgb(17,17,17)"
    assert SmoothingExplorer(noisy.losses_only(), theme="dark").controls.dark.value


def test_a_hostile_name_is_text_everywhere():
    hostile = "<img src=x onerror=alert(1)>"
    names = ("x", "y")
    reached = noisy.reaches()
    reached = type(reached)(
        tuple(type(one)(hostile + names[place], *list(vars(one).values())[1:])
              for place, one in enumerate(reached.reaches)), 0.0, 0.0, 40,
    )  # fmt: skip
    view = noisy.whole(along={hostile: noisy.along()}, reaches=reached)
    explorer = SmoothingExplorer({hostile: view})
    assert "<img" not in explorer._words.value + explorer._rows.value + explorer.status.value
    assert "<img" not in explorer.figure.to_json()


def test_a_press_without_a_figure_is_said(explorer):
    explorer.controls.picture.found = "nothing"
    explorer.controls.picture.presses += 1
    assert "no figure was found" in explorer.status.text


def test_every_control_has_a_name_and_a_tooltip(explorer):
    controls = explorer.controls
    for control in [*(control for control, _ in controls.fields.values()), controls.dark, controls.smaller,
                    controls.larger, controls.picture]:  # fmt: skip
        assert getattr(control, "description", None) or control.label
        assert getattr(control, "tooltip", None) or control.hint


def test_it_is_on_the_public_face_and_named_where_no_widget_can_be_shown(explorer):
    assert uk.apps.SmoothingExplorer is SmoothingExplorer
    assert repr(explorer).startswith("<SmoothingExplorer: adam under noise of sigma 0.1.")


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (list, "^views must be a SmoothingView, or a dict of those by name, not a list"),
        (dict, "^views: the dict is empty"),
        (lambda: {"adam": noisy.sweep()}, "^views: 'adam' is a RadiusSweep"),
        (lambda: {1: noisy.losses_only()}, "^views: 1 is a SmoothingView, but each must be a name"),
    ],
)
def test_what_are_no_views_is_refused(give, says):
    with pytest.raises(BadInput, match=says):
        SmoothingExplorer(give())


def test_an_unknown_theme_is_refused():
    with pytest.raises(UnknownName, match=r'^theme: "drak" is not known; did you mean "dark"'):
        SmoothingExplorer(noisy.losses_only(), theme="drak")
