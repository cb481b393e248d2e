"""The small parts of views: the status line, tables, sliders, figures, and the guard of callbacks."""

from __future__ import annotations

import ipywidgets as W  # noqa: N812
import plotly.graph_objects as go
import pytest

from unlearnkit.apps.parts.charts import as_widget
from unlearnkit.apps.parts.frame import Frame
from unlearnkit.apps.parts.guard import guarded
from unlearnkit.apps.parts.html_table import html_table
from unlearnkit.apps.parts.picture_button import PictureButton
from unlearnkit.apps.parts.status_line import StatusLine
from unlearnkit.apps.parts.step_slider import StepSlider
from unlearnkit.errors import BadInput

HOSTILE = "<img src=x onerror=alert(1)>"


def test_the_status_line_is_announced_and_escaped():
    line = StatusLine()
    line.say(HOSTILE)
    assert line.value == '<span role="status">&lt;img src=x onerror=alert(1)&gt;</span>'
    assert line.text == HOSTILE


def test_an_error_is_an_alert_and_goes_with_the_next_message():
    line = StatusLine()
    line.fail(BadInput(HOSTILE))
    assert 'role="alert"' in line.value
    assert "<img" not in line.value
    assert isinstance(line.error, BadInput)
    line.say("better")
    assert line.error is None
    assert "alert" not in line.value


def test_a_foreign_error_is_shown_with_its_type():
    line = StatusLine()
    line.fail(KeyError("lr"))
    assert line.text == "KeyError: 'lr'"


def test_a_table_is_escaped_everywhere():
    html = html_table([{HOSTILE: HOSTILE}], caption=HOSTILE)
    assert "<img" not in html
    assert html.count("&lt;img") == 4  # column, cell, caption and the region's name


def test_a_table_scrolls_by_keyboard_and_has_a_name():
    html = html_table([{"a": 1}, {"a": None}], caption="Runs", chosen=1)
    assert 'role="region" tabindex="0" aria-label="Runs"' in html
    assert html.count('aria-current="true"') == 1
    assert "–" in html


def test_an_empty_table_says_so():
    assert html_table([], caption="Runs") == "<p>Runs: none.</p>"


@pytest.mark.parametrize(("given", "kept"), [(1, 1), (7, 1), (-2, 0)])
def test_a_slider_keeps_to_its_places(given, kept):
    slider = StepSlider(options=["25 steps", "100 steps"])
    slider.index = given
    assert slider.index == kept


def test_a_slider_says_its_name_and_value_to_screen_readers():
    program = StepSlider._esm
    assert 'input.setAttribute("aria-valuetext", text)' in program
    assert "label.append(name, input, value)" in program  # inside its label: so it has an accessible name


@pytest.mark.parametrize("kind", [StepSlider, PictureButton, Frame])
def test_no_name_is_one_that_ipywidgets_views_read(kind):
    # Every view of a widget reads `tooltip`, then `description`, which ours lack: it would not show.
    assert not set(kind.class_own_traits()) & {"tooltip", "description", "state", "style"}


def test_a_figure_has_no_button_to_a_cloud_and_is_drawn_as_built():
    widget = as_widget(go.Figure(go.Scatter(x=[1], y=[2]), layout={"title": {"text": "whole"}}))
    assert widget._config["showSendToCloud"] is False
    assert widget._config["displaylogo"] is False
    # what the browser gets at once, also inside a box
    assert widget._widget_layout["title"]["text"] == "whole"
    assert widget._widget_data[0]["x"] == [1]
    assert "_config" in widget.keys


def test_the_browser_hears_of_a_figure_once_it_is_whole(monkeypatch):
    # What comes after the first message may come after the drawing, and an empty figure would stay.
    told = []
    monkeypatch.setattr(W.Widget, "open", lambda self: told.append(self.get_state()))
    as_widget(go.Figure(go.Scatter(x=[1], y=[2]), layout={"title": {"text": "whole"}}))
    figures = [state for state in told if "_widget_data" in state]
    assert len(figures) == 1
    assert figures[0]["_widget_data"][0]["x"] == [1]
    assert figures[0]["_widget_layout"]["title"]["text"] == "whole"
    assert figures[0]["_config"]["showSendToCloud"] is False


def test_errors_of_callbacks_are_handed_on():
    seen = []
    guarded(lambda: 1 / 0, seen.append)()
    assert [type(error) for error in seen] == [ZeroDivisionError]
