"""Figures of the page: what the script needs to draw one, and its twins in words."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unlearnkit.reports.looks import TEMPLATES
from unlearnkit.reports.page.tables import Table

if TYPE_CHECKING:
    import plotly.graph_objects as go

# One look on every screen: the caption says what the title would, and the legend stands below.
LAYOUT = {
    "title": None,
    "height": 440,
    "margin": {"l": 64, "r": 16, "t": 34, "b": 54},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top", "title": None},
    "hovermode": "closest",
}

# What the mouse shows of a run; its customdata begins with these four.
RUN_HOVER = (
    "%{fullData.name}, lr %{customdata[0]}, fold %{customdata[1]}, seed %{customdata[2]}: %{customdata[3]}"
)
TWINS = "The text and the tables below say the same."


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with its twins: `sentences`, the list `items` and `tables` say what it shows.

    `label` is what a screen reader says in its place; `content` is plotly's JSON without a template.
    """

    caption: str
    label: str
    content: Mapping[str, Any]
    sentences: Sequence[str] = field(default_factory=list)
    items: Sequence[str] = field(default_factory=list)
    tables: Sequence[Table] = field(default_factory=list)


def content_of(figure: go.Figure) -> dict[str, Any]:
    """A figure for the page: without template and title, which the page gives."""
    figure.update_layout(**LAYOUT)
    content: dict[str, Any] = json.loads(str(figure.to_json()))
    layout = content["layout"]
    for unwanted in ("template", "title", "modebar"):
        layout.pop(unwanted, None)
    return {"data": content["data"], "layout": layout}


def templates() -> dict[str, Any]:
    """The layouts of plotly's light and dark templates."""
    import plotly.io

    return {
        theme: {"layout": plotly.io.templates[name].layout.to_plotly_json()}
        for theme, name in TEMPLATES.items()
    }


def shown(text: object) -> str:
    """Text for plotly, which reads tags and entities in names and labels: here they are only text."""
    return html.escape(str(text), quote=False)
