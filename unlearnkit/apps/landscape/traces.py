"""What lies on a landscape: the slice, the paths, and where the reader stands."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from unlearnkit.apps.landscape.drape import Drape, drape
from unlearnkit.apps.landscape.model import Shown
from unlearnkit.reports.looks import DASHES, OKABE_ITO

COLOURS = (OKABE_ITO[3], OKABE_ITO[5], OKABE_ITO[2], OKABE_ITO[4])  # seen on the scale of heights
HERE = OKABE_ITO[1]
LIFT = 0.012  # of the range of heights: a path lies on the ground, not in it
Ends = tuple[float, float]


def slice_line(height: float, ends: Ends) -> dict[str, Any]:
    """One contour of a surface: plotly draws those from the start on, before the end."""
    return {
        "show": True, "start": height, "end": height + 0.5, "size": 1.0, "width": 6, "usecolormap": False,
        "color": _readable(height, ends), "highlight": False,
    }  # fmt: skip


def land_traces(shown: Shown, name: str, ends: Ends, *, first: bool) -> Iterator[Any]:
    """The paths of a loss in three dimensions, and the reader's stand if there is a path."""
    import plotly.graph_objects as go

    lift = LIFT * (ends[1] - ends[0])
    for number, (path, found) in enumerate(_drapes(shown, name, ends)):
        colour = COLOURS[number % len(COLOURS)]
        yield go.Scatter3d(
            x=found.alphas, y=found.betas, z=found.heights + lift, mode="lines+markers",
            line={"color": colour, "width": 8},
            marker={"size": np.where(found.models, 5, 0), "color": colour, "line": {"width": 0}},
            **_named(path, found, first=first),
        )  # fmt: skip
    if shown.stand is None:
        return
    stand, foot, head = shown.stand, None, None
    if stand.beneath:
        foot = min(stand.beneath[name], ends[1])
        head = min(stand.own.get(name, foot), ends[1])
    yield go.Scatter3d(
        x=[stand.alpha] * 2, y=[stand.beta] * 2, z=[foot, head], mode="lines+markers+text",
        text=["", _sign(shown)], textfont={"color": HERE, "size": 14},
        line={"color": HERE, "width": 6}, marker={"size": [4, 9], "color": HERE, "symbol": "diamond"},
        **_stand(shown, name),
    )  # fmt: skip


def map_traces(shown: Shown, name: str, ends: Ends, *, first: bool) -> Iterator[Any]:
    """The slice of a loss on its map, its paths, and the reader's stand if there is a path."""
    import plotly.graph_objects as go

    height, surface = shown.choice.height, shown.surface
    yield go.Contour(
        x=surface.alphas, y=surface.betas, z=surface.values[name], showscale=False, hoverinfo="skip",
        contours={"start": height, "end": height, "size": 1.0, "coloring": "none"}, showlegend=False,
        line={"color": _readable(height, ends), "width": 3},
    )  # fmt: skip
    for number, (path, found) in enumerate(_drapes(shown, name, ends)):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        yield go.Scatter(
            x=found.alphas, y=found.betas, mode="lines+markers",
            line={"color": colour, "width": 4, "dash": dash},
            marker={"size": np.where(found.models, 9, 0), "color": colour},
            **_named(path, found, first=first),
        )  # fmt: skip
    if (stand := shown.stand) is not None:
        yield go.Scatter(
            x=[stand.alpha if stand.beneath else None], y=[stand.beta], mode="markers+text",
            text=[_sign(shown)], textposition="bottom center", textfont={"color": HERE, "size": 14},
            marker={"size": 15, "symbol": "diamond-open", "color": HERE, "line": {"width": 3}},
            **_stand(shown, name),
        )  # fmt: skip


def _drapes(shown: Shown, name: str, ends: Ends) -> Iterator[tuple[str, Drape]]:
    for path, way in shown.paths.items():
        yield path, drape(shown.surface, name, way, top=ends[1])


def _readable(height: float, ends: Ends) -> str:
    """White on the dark half of the scale of heights, black on the bright one."""
    return "white" if height < sum(ends) / 2 else "black"


def _named(path: str, found: Drape, *, first: bool) -> dict[str, Any]:
    """What a path is called: in the legend once, and at each of its models."""
    told = f"{escape(path)} %{{customdata}}<br>alpha %{{x:.3f}}, beta %{{y:.3f}}<extra></extra>"
    return {
        "name": escape(path), "legendgroup": path, "showlegend": first, "hovertemplate": told,
        "customdata": [escape(label) for label in found.labels],
    }  # fmt: skip


def _sign(shown: Shown) -> str:
    stand = shown.stand
    return "" if stand is None else escape(f"{stand.path} {stand.label}")


def _stand(shown: Shown, name: str) -> dict[str, Any]:
    own = shown.stand.own.get(name) if shown.stand else None
    told = "its own loss is not known" if own is None else f"its own {escape(name)}: {own:.3f} nats a token"
    return {"showlegend": False, "name": "here", "hovertemplate": f"{_sign(shown)}<br>{told}<extra></extra>"}
