"""The view as a whole: its messages, its theme, and what it refuses."""

from __future__ import annotations

import pytest

import unlearnkit as uk
from unlearnkit.apps import SmoothingExplorer
from unlearnkit.apps.smoothing.figure import marked, smoothing_figure
from unlearnkit.apps.smoothing.redraw import Drawing
from unlearnkit.errors import BadInput, UnknownName

from . import noisy
from .noisy import ALL, FIRST, values


def test_a_step_sends_one_message_a_figure_and_back_again_draws_the_same(explorer, monkeypatch):
    explorer.choose(sigma=1.0)
    explorer.choose(sigma=0.1)
    before, widgets, sent = values(explorer), dict(explorer.figures), []
    for name, widget in widgets.items():
        monkeypatch.setattr(widget, "_send_update_msg", lambda *a, name=name, **k: sent.append(name))
    explorer.choose(sigma=1.0)
    assert sorted(sent) == sorted(name for name in ALL if name != "variance")  # no other gradients there
    sent.clear()
    explorer.choose(attack="rounding")
    assert sent == ["attack"]
    explorer.choose(**FIRST)
    assert explorer.figures == widgets
    assert values(explorer) == before


def test_figures_that_were_moved_on_are_as_those_drawn_anew(explorer):
    last = {"model": "adazo", "sigma": 1.0, "simultaneous": True, "share": "retain"}
    for changes in ({"sigma": 0.01}, {"share": "retain"}, {"model": "adazo"}, last):
        explorer.choose(**changes)
    moved = {name: Drawing.of(widget) for name, widget in explorer.figures.items()}
    anew = [smoothing_figure(name, explorer.shown) for name in ALL]
    for (name, one), figure in zip(moved.items(), anew, strict=True):
        other = Drawing.of(figure)
        shapes = marked(name, other.layout.get("shapes", ()), explorer.shown)
        wanted = {**other.layout, **({"shapes": shapes} if shapes else {})}
        assert repr(one.traces) == repr(other.traces), name
        assert {key: one.layout[key] for key in wanted} == wanted, name


def test_the_theme_is_of_every_figure(explorer):
    explorer.controls.dark.value = True
    explorer.choose(figures=["line"])
    explorer.choose(figures=list(ALL), sigma=1.0)
    for widget in explorer.figures.values():
        assert widget.layout.template.layout.paper_bgcolor == "rgb(17,17,17)"
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
    for widget in explorer.figures.values():
        assert "<img" not in widget.to_json()


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
