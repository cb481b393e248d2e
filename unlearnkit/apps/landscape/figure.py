"""The landscapes of a choice side by side: one figure, whose scenes have one camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from unlearnkit.apps.landscape.model import Shown
from unlearnkit.apps.landscape.places import finite_values
from unlearnkit.apps.landscape.traces import land_traces, map_traces
from unlearnkit.reports.landscape.surfaces import surface_traces
from unlearnkit.reports.looks import NO_BUTTONS, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 500
BETWEEN = 0.04  # of the width, between two landscapes
ABOVE = 0.2  # of the range of heights: room for the names of marks, which stand above everything
EVEN = {"ambient": 0.8, "diffuse": 0.35, "specular": 0.02, "roughness": 0.9}  # so that colours say heights
# What may differ between choices that are drawn with the same traces.
PIECES = {
    "surface": ("x", "y", "z", "cmin", "cmax"),
    "scatter3d": ("x", "y", "z", "text", "name", "line.color", "marker.size", "customdata", "hovertemplate"),
    "contour": ("x", "y", "z", "zmin", "zmax", "contours.start", "contours.end", "line.color"),
    "scatter": (
        "x",
        "y",
        "text",
        "name",
        "line.color",
        "marker.size",
        "textfont.color",
        "customdata",
        "hovertemplate",
    ),
}


def landscape_figure(
    shown: Shown, *, theme: str = "light", camera: Mapping[str, Any] | None = None
) -> go.Figure:
    """The figure of a choice: for each loss its surface, slice, paths and the reader's stand.

    Parameters
    ----------
    shown : Shown
    theme : {"light", "dark"}
    camera : mapping, optional
        Of all scenes; plotly's usual one if not given.
    """
    import plotly.graph_objects as go

    flat, names = shown.choice.flat, list(shown.surface.values)
    places = _flat_layout(names) if flat else _layout(names, limits(shown), camera or {})
    return go.Figure(traces(shown), {**places, **_frame(names), "template": template_of(theme)})


def traces(shown: Shown) -> list[Any]:
    """Every trace, loss by loss; choices with the same losses, paths and marks have the same ones."""
    flat, ends = shown.choice.flat, limits(shown)
    found: list[Any] = []
    drawn = surface_traces(shown.surface, ends, flat=flat)
    for column, (name, surface) in enumerate(zip(shown.surface.values, drawn, strict=True), start=1):
        number = "" if column == 1 else str(column)
        if flat:
            mine = [*surface, *map_traces(shown, name, ends, first=column == 1)]
            place = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        else:
            surface[0].lighting = EVEN
            mine = [*surface, *land_traces(shown, name, ends, first=column == 1)]
            place = {"scene": f"scene{number}"}
        for trace in mine:
            trace.update(place)
        found += mine
    return found


def redraw(widget: go.FigureWidget, shown: Shown) -> bool:
    """Let a widget show another choice; whether it could: its traces must be of the same kinds.

    Cameras stay as they are, and one message is sent.
    """
    from plotly.basedatatypes import Undefined

    drawn = traces(shown)
    if [trace.type for trace in drawn] != [trace.type for trace in widget.data]:
        return False
    pieces = dict.fromkeys(piece for trace in drawn for piece in PIECES[trace.type])
    style = {
        piece: [trace[piece] if piece in PIECES[trace.type] else Undefined for trace in drawn]
        for piece in pieces
    }
    span = _span(limits(shown))
    scenes = [] if shown.choice.flat else [_scene(column) for column in range(len(shown.surface.values))]
    widget.plotly_update(style, {f"{scene}.zaxis.range": span for scene in scenes})
    return True


def dress(widget: go.FigureWidget, theme: str) -> None:
    """Give a widget the colours of a theme."""
    widget.update_layout(template=template_of(theme))


def limits(shown: Shown) -> tuple[float, float]:
    """The lowest value that is shown, and the ceiling or the highest."""
    every = finite_values(shown.surface, shown.surface.values)
    ceiling = shown.choice.ceiling
    return float(every[0]), float(every[-1]) if ceiling is None else ceiling


def scenes(figure: go.Figure) -> list[str]:
    """The names of its scenes, from left to right."""
    return sorted(name for name in figure.layout if name.startswith("scene") and figure.layout[name].domain.x)


def _scene(column: int) -> str:
    return f"scene{column + 1}" if column else "scene"


def _span(ends: tuple[float, float]) -> list[float]:
    return [ends[0], ends[1] + ABOVE * ((ends[1] - ends[0]) or 1.0)]


def _columns(names: list[str]) -> Iterator[tuple[float, float]]:
    width = (1.0 + BETWEEN) / len(names)
    return ((at * width, (at + 1) * width - BETWEEN) for at in range(len(names)))


def _layout(names: list[str], ends: tuple[float, float], camera: Mapping[str, Any]) -> dict[str, Any]:
    axes = {
        "xaxis": {"title": {"text": "alpha"}}, "yaxis": {"title": {"text": "beta"}},
        "zaxis": {"title": {"text": ""}, "range": _span(ends)}, "aspectmode": "cube",
        "camera": dict(camera), "uirevision": "the same",
    }  # fmt: skip
    return {
        _scene(at): {**axes, "domain": {"x": list(ends), "y": [0.0, 1.0]}}
        for at, ends in enumerate(_columns(names))
    }


def _flat_layout(names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for at, ends in enumerate(_columns(names)):
        number, other = (str(at + 1) if at else ""), ({"matches": "x"} if at else {})
        across = {"title": {"text": "alpha"}, "domain": list(ends), "anchor": f"y{number}", **other}
        upwards = {"title": {"text": "" if at else "beta"}, "anchor": f"x{number}", "showticklabels": not at}
        found |= {f"xaxis{number}": across, f"yaxis{number}": {**upwards, **({"matches": "y"} if at else {})}}
    return found


def _frame(names: list[str]) -> dict[str, Any]:
    """Titles, and what surrounds the landscapes."""
    titles = [
        {
            "text": name, "x": sum(ends) / 2, "y": 1.0, "xref": "paper", "yref": "paper", "yanchor": "bottom",
            "showarrow": False, "font": {"size": 17},
        }
        for name, ends in zip(names, _columns(names), strict=True)
    ]  # fmt: skip
    return {
        "annotations": titles, "height": HEIGHT, "autosize": True, "modebar": {"remove": NO_BUTTONS},
        "margin": {"l": 50, "r": 20, "t": 40, "b": 60}, "uirevision": "the same",
        "legend": {"orientation": "h", "y": -0.1, "yanchor": "top"},
    }  # fmt: skip
