"""Surfaces side by side, with where models lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unlearnkit.errors import BadInput, require_one_of, require_positive
from unlearnkit.flatness import Surface
from unlearnkit.reports.landscape.trajectories import (
    lines,
    own_losses,
    paths,
    require_few,
    trajectories_told,
)
from unlearnkit.reports.looks import MARKERS, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

SCALE = "Cividis"  # the same order of brightness for all readers
BAR = {"title": {"text": "nats a token", "side": "right"}}
SOLIDS = MARKERS[:3]  # of the markers, those that plotly has in three dimensions
MOST = 3  # three-dimensional scenes that a browser draws fluently side by side
Array = npt.NDArray[np.float64]


def surface_figure(
    surface: Surface, *, theme: str = "light", ceiling: float | None = None, flat: bool = False
) -> go.Figure:
    """Every loss of a surface as a landscape of its own, side by side, on one scale of colour and height.

    Parameters
    ----------
    surface : Surface
    theme : {"light", "dark"}
    ceiling : float, optional
        Nats a token: what lies higher is cut off there, so that one far corner does not flatten the rest; the
        highest value if not given.
    flat : bool
        Contour maps instead of landscapes, for print.

    Returns
    -------
    plotly.graph_objects.Figure
        Markers show where models lie on the surface. Trajectories are lines over it whose heights are the
        models' own losses, not the surface's; on maps, which have no height, the colours of their steps are.
        Pointing at a step says both, and how far it is off the plane. Never show it without
        `surface_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For more than three losses or five trajectories, an unknown theme, or a ceiling that is not above the
        lowest value.
    """
    from plotly.subplots import make_subplots

    template = template_of(theme)
    if len(surface.values) > MOST:
        raise BadInput(f"surface: {MOST} losses side by side at most, but it has {len(surface.values)}")
    require_few(surface)
    low, top = _limits(surface, ceiling)
    kind = "xy" if flat else "scene"
    figure = make_subplots(
        rows=1, cols=len(surface.values), specs=[[{"type": kind}] * len(surface.values)],
        subplot_titles=list(surface.values), horizontal_spacing=0.05 if flat else 0.02,
    )  # fmt: skip
    for column, traces in enumerate(surface_traces(surface, (low, top), flat=flat), start=1):
        for trace in traces:
            figure.add_trace(trace, row=1, col=column)
    _label(figure, (low, top), flat=flat)
    below = 40 if surface.trajectories else 0
    return figure.update_layout(
        template=template,
        title={"text": f"Loss around the model, {surface.words}", "y": 0.97},
        margin={"l": 50, "r": 20, "t": 80, "b": (50 if flat else 20) + below},
        legend={"orientation": "h", "x": 0.0, "y": -0.18 if flat else -0.04},
        modebar={"remove": NO_BUTTONS},
        height=480,
    )


def surface_traces(surface: Surface, limits: tuple[float, float], *, flat: bool) -> Iterator[list[Any]]:
    """The traces of each loss in turn: its heights between two limits, and where models lie."""
    draw = _contour if flat else _landscape
    for column, (name, grid) in enumerate(surface.values.items(), start=1):
        clipped = np.minimum(np.where(np.isnan(grid), np.inf, grid), limits[1])
        yield draw(surface, name, clipped, limits, last=column == len(surface.values))


def _limits(surface: Surface, ceiling: float | None) -> tuple[float, float]:
    """The lowest finite value, and the ceiling or the highest."""
    grids = [grid.ravel() for grid in surface.values.values()]
    every = np.concatenate([*grids, own_losses(surface)])
    finite = every[np.isfinite(every)]
    if not len(finite):
        raise BadInput("surface: not one of its values is finite, so there is nothing to draw")
    low = float(finite.min())
    if ceiling is None:
        return low, float(finite.max())
    require_positive("ceiling", ceiling)
    if ceiling <= low:
        raise BadInput(
            f"ceiling: all values lie above {ceiling:g} (the lowest is {low:.4g}), so nothing would be seen"
        )
    return low, float(ceiling)


def _label(figure: go.Figure, limits: tuple[float, float], *, flat: bool) -> None:
    if flat:
        figure.update_xaxes(title="alpha").update_yaxes(title="beta", col=1)
        return
    height = {"title": "nats a token", "range": [limits[0], _ceiling(limits)]}
    camera = {"eye": {"x": 1.6, "y": -1.6, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.15}}
    figure.update_scenes(
        xaxis_title="alpha", yaxis_title="beta", zaxis=height, aspectmode="cube", camera=camera
    )


def _ceiling(limits: tuple[float, float]) -> float:
    """Where the names of marks stand, each on a stem: above everything that could hide them."""
    return limits[1] + 0.15 * ((limits[1] - limits[0]) or 1.0)


def _landscape(
    surface: Surface, name: str, grid: Array, limits: tuple[float, float], *, last: bool
) -> list[Any]:
    import plotly.graph_objects as go

    hover = f"{name}: %{{z:.3f}} nats a token<br>alpha %{{x:.3f}}, beta %{{y:.3f}}<extra></extra>"
    traces: list[Any] = [
        go.Surface(
            x=surface.alphas, y=surface.betas, z=grid, cmin=limits[0], cmax=limits[1], colorscale=SCALE,
            showscale=last, hovertemplate=hover, colorbar=BAR,
        )
    ]  # fmt: skip
    for number, (mark, (alpha, beta)) in enumerate(_marks(surface).items()):
        height = _height(surface, grid, alpha, beta)
        traces.append(
            go.Scatter3d(
                x=[alpha] * 2, y=[beta] * 2, z=[height, _ceiling(limits)], text=["", mark],
                mode="lines+markers+text", showlegend=False, line={"color": OKABE_ITO[1], "width": 4},
                marker={"size": [6, 0], "color": OKABE_ITO[1], "symbol": SOLIDS[number % len(SOLIDS)]},
                hovertemplate=f"{mark}: {height:.3f} nats a token<extra></extra>",
            )
        )  # fmt: skip
    return [*traces, *lines(surface, name, limits[1])]


def _contour(
    surface: Surface, name: str, grid: Array, limits: tuple[float, float], *, last: bool
) -> list[Any]:
    import plotly.graph_objects as go

    hover = f"{name}: %{{z:.3f}} nats a token<br>alpha %{{x:.3f}}, beta %{{y:.3f}}<extra></extra>"
    traces: list[Any] = [
        go.Contour(
            x=surface.alphas, y=surface.betas, z=grid, zmin=limits[0], zmax=limits[1], colorscale=SCALE,
            showscale=last, hovertemplate=hover, colorbar=BAR,
        )
    ]  # fmt: skip
    for number, (mark, (alpha, beta)) in enumerate(_marks(surface).items()):
        traces.append(
            go.Scatter(
                x=[alpha], y=[beta], mode="markers+text", text=[mark], textposition="top center",
                showlegend=False, textfont={"color": _readable(_height(surface, grid, alpha, beta), limits)},
                marker={"size": 11, "color": OKABE_ITO[1], "symbol": MARKERS[number % len(MARKERS)]},
            )
        )  # fmt: skip
    return [*traces, *paths(surface, name, limits, SCALE)]


def _readable(height: float, limits: tuple[float, float]) -> str:
    """White on the dark half of the scale, black on the bright one."""
    return "white" if height < sum(limits) / 2 else "black"


def _marks(surface: Surface) -> dict[str, tuple[float, float]]:
    return surface.marks or {"model": (0.0, 0.0)}


def _height(surface: Surface, grid: Array, alpha: float, beta: float) -> float:
    """The value of the nearest cell."""
    column = int(np.abs(surface.alphas - alpha).argmin())
    row = int(np.abs(surface.betas - beta).argmin())
    return float(grid[row, column])


def surface_sentence(surface: Surface, *, names: Sequence[str] | None = None) -> str:
    """The figure in words: each loss at the model, at its lowest, on the rim, and where other models lie.

    Of trajectories: first and last model's own losses beside those of the surface beneath, and how far off
    the plane they are (L2, over all weights).

    Parameters
    ----------
    surface : Surface
    names : sequence of str, optional
        Which of its losses; all if not given.

    Raises
    ------
    UnknownName
        For a loss that the surface does not have.
    """
    chosen = list(surface.values if names is None else names)
    for name in chosen:
        require_one_of("names", name, surface.values)
    reach = (
        f"alpha {surface.alphas[0]:.3g} to {surface.alphas[-1]:.3g}, "
        f"beta {surface.betas[0]:.3g} to {surface.betas[-1]:.3g}"
    )
    told = "; ".join(_told(surface, name) for name in chosen)
    return (
        f"Loss around the model, {surface.words}, {reach}: {told}.{_curvature_told(surface)}"
        f"{trajectories_told(surface, chosen)}"
    )


def _curvature_told(surface: Surface) -> str:
    if not surface.curvatures:
        return ""
    return f" Curvature along the directions: {', '.join(f'{value:.4g}' for value in surface.curvatures)}."


def _told(surface: Surface, name: str) -> str:
    grid = np.where(np.isnan(surface.values[name]), np.inf, surface.values[name])
    rim = np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])
    lowest = np.unravel_index(int(grid.argmin()), grid.shape)
    where = f"alpha {surface.alphas[lowest[1]]:.2g}, beta {surface.betas[lowest[0]]:.2g}"
    others = [
        f", {_height(surface, grid, *place):.3f} near {mark} (alpha {place[0]:.2g}, beta {place[1]:.2g})"
        for mark, place in surface.marks.items()
        if place != (0.0, 0.0)
    ]
    return (
        f"{name} {_height(surface, grid, 0.0, 0.0):.3f} nats a token at the model, {grid.min():.3f} at its "
        f"lowest ({where}), {rim.min():.3f} to {rim.max():.3f} on the rim{''.join(others)}"
    )
