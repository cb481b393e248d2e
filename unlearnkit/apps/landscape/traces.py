"""What lies on a landscape: the slice, the paths, and where the reader stands."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from unlearnkit.apps.landscape.drape import Drape, drape
from unlearnkit.apps.landscape.level_line import level_line
from unlearnkit.apps.landscape.model import Shown, Stand
from unlearnkit.reports.looks import DASHES, OKABE_ITO

COLOURS = (OKABE_ITO[3], OKABE_ITO[5], OKABE_ITO[2], OKABE_ITO[4])  # seen on the scale of heights
HERE = OKABE_ITO[1]
LIFT = 0.012  # of the range of heights: a path lies on the ground, not in it
ABOVE = 0.15  # of it: as high as the names of marks
SLICE = {"mode": "lines", "name": "slice", "showlegend": False, "hoverinfo": "skip"}
Ends = tuple[float, float]


def land_traces(shown: Shown, name: str, ends: Ends, *, first: bool) -> Iterator[Any]:
    """Slice and paths of a loss in three dimensions, and the reader's stand if there is a path."""
    import plotly.graph_objects as go

    lift, height = LIFT * (ends[1] - ends[0]), shown.choice.height
    alphas, betas = level_line(shown.surface, name, height)
    yield go.Scatter3d(
        x=alphas, y=betas, z=np.full_like(alphas, height + lift if height <= ends[1] else np.nan),
        line={"color": _readable(height, ends), "width": 6}, **SLICE,
    )  # fmt: skip
    for number, (path, found) in enumerate(_drapes(shown, name, ends)):
        colour = COLOURS[number % len(COLOURS)]
        yield go.Scatter3d(
            x=found.alphas, y=found.betas, z=found.heights + lift, mode="lines+markers",
            line={"color": colour, "width": 8},
            marker={"size": np.where(found.models, 5, 0), "color": colour, "line": {"width": 0}},
            **_named(path, found, first=first),
        )  # fmt: skip
    if (stand := shown.stand) is not None:
        yield go.Scatter3d(
            x=[stand.alpha] * 3, y=[stand.beta] * 3, z=_stem(stand, name, ends), mode="lines+markers",
            line={"color": HERE, "width": 6}, marker={"size": [9, 4, 0], "color": HERE, "symbol": "diamond"},
            **_here(stand, name, first=first),
        )  # fmt: skip


def map_traces(shown: Shown, name: str, ends: Ends, *, first: bool) -> Iterator[Any]:
    """The slice of a loss on its map, its paths, and the reader's stand if there is a path."""
    import plotly.graph_objects as go

    height, surface = shown.choice.height, shown.surface
    yield go.Contour(
        x=surface.alphas, y=surface.betas, z=surface.values[name], showscale=False, hoverinfo="skip",
        contours={"start": height, "end": height, "size": 1.0, "coloring": "none"}, showlegend=False,
        line={"color": _readable(height, ends), "width": 4}, name="slice",
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
            x=[stand.alpha if stand.beneath else None], y=[stand.beta], mode="markers",
            marker={"size": 17, "symbol": "diamond-open", "color": HERE, "line": {"width": 4}},
            **_here(stand, name, first=first),
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


def _stem(stand: Stand, name: str, ends: Ends) -> list[float | None]:
    """From the model's own loss by the ground to above everything; nothing outside of what is shown."""
    if not stand.beneath:
        return [None] * 3
    ground, top = min(stand.beneath[name], ends[1]), ends[1] + ABOVE * (ends[1] - ends[0])
    return [min(stand.own.get(name, ground), ends[1]), ground, top]


def _here(stand: Stand, name: str, *, first: bool) -> dict[str, Any]:
    """What the stand is called: in the legend once, and under the mouse."""
    sign, own = escape(f"{stand.path} {stand.label}"), stand.own.get(name)
    told = "its own loss is not known" if own is None else f"its own {escape(name)}: {own:.3f} nats a token"
    return {
        "name": f"here: {sign}", "showlegend": first, "hovertemplate": f"{sign}<br>{told}<extra></extra>",
    }  # fmt: skip
