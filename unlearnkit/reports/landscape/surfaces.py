"""Surfaces side by side, with where models lie, and a cut through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unlearnkit.errors import BadInput, require_positive
from unlearnkit.flatness import Surface
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, MARKERS, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

SCALE = "Cividis"  # the same order of brightness for all readers
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
        Markers show where models lie. Never show it without `surface_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For more than three losses, an unknown theme, or a ceiling that is not positive.
    """
    from plotly.subplots import make_subplots

    template = template_of(theme)
    if len(surface.values) > MOST:
        raise BadInput(f"surface: {MOST} losses side by side at most, but it has {len(surface.values)}")
    if ceiling is not None:
        require_positive("ceiling", ceiling)
    top = max(float(grid.max()) for grid in surface.values.values()) if ceiling is None else ceiling
    low = min(float(grid.min()) for grid in surface.values.values())
    kind = "xy" if flat else "scene"
    figure = make_subplots(
        rows=1, cols=len(surface.values), specs=[[{"type": kind}] * len(surface.values)],
        subplot_titles=list(surface.values), horizontal_spacing=0.06 if flat else 0.02,
    )  # fmt: skip
    for column, (name, grid) in enumerate(surface.values.items(), start=1):
        draw = _contour if flat else _landscape
        for trace in draw(
            surface, name, np.minimum(grid, top), (low, top), last=column == len(surface.values)
        ):
            figure.add_trace(trace, row=1, col=column)
    _label(figure, flat=flat)
    return figure.update_layout(
        template=template,
        title={"text": f"Loss around the model, {surface.words}", "y": 0.97},
        margin={"l": 50, "r": 20, "t": 80, "b": 50},
        modebar={"remove": NO_BUTTONS},
        height=480,
    )


def _label(figure: go.Figure, *, flat: bool) -> None:
    if flat:
        figure.update_xaxes(title="alpha").update_yaxes(title="beta")
        return
    axes = {"xaxis_title": "alpha", "yaxis_title": "beta", "zaxis_title": "nats a token"}
    figure.update_scenes(**axes, aspectmode="cube", camera={"eye": {"x": 1.5, "y": -1.5, "z": 1.0}})


def _landscape(
    surface: Surface, name: str, grid: Array, limits: tuple[float, float], *, last: bool
) -> list[Any]:
    import plotly.graph_objects as go

    hover = f"{name}: %{{z:.3f}} nats a token<br>alpha %{{x:.3f}}, beta %{{y:.3f}}<extra></extra>"
    traces: list[Any] = [
        go.Surface(
            x=surface.alphas, y=surface.betas, z=grid, cmin=limits[0], cmax=limits[1], colorscale=SCALE,
            showscale=last, hovertemplate=hover, colorbar={"title": "nats<br>a token"},
        )
    ]  # fmt: skip
    for number, (mark, (alpha, beta)) in enumerate(_marks(surface).items()):
        height = _height(surface, grid, alpha, beta)
        traces.append(
            go.Scatter3d(
                x=[alpha], y=[beta], z=[height], mode="markers+text", text=[mark], showlegend=False,
                marker={"size": 5, "color": OKABE_ITO[1], "symbol": ("circle", "square", "diamond")[number % 3]},
                hovertemplate=f"{mark}: {height:.3f} nats a token<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _contour(
    surface: Surface, name: str, grid: Array, limits: tuple[float, float], *, last: bool
) -> list[Any]:
    import plotly.graph_objects as go

    hover = f"{name}: %{{z:.3f}} nats a token<br>alpha %{{x:.3f}}, beta %{{y:.3f}}<extra></extra>"
    traces: list[Any] = [
        go.Contour(
            x=surface.alphas, y=surface.betas, z=grid, zmin=limits[0], zmax=limits[1], colorscale=SCALE,
            showscale=last, hovertemplate=hover, colorbar={"title": "nats<br>a token"},
        )
    ]  # fmt: skip
    for number, (mark, (alpha, beta)) in enumerate(_marks(surface).items()):
        traces.append(
            go.Scatter(
                x=[alpha], y=[beta], mode="markers+text", text=[mark], textposition="top center", showlegend=False,
                marker={"size": 11, "color": OKABE_ITO[1], "symbol": MARKERS[number % len(MARKERS)]},
            )
        )  # fmt: skip
    return traces


def _marks(surface: Surface) -> dict[str, tuple[float, float]]:
    return surface.marks or {"model": (0.0, 0.0)}


def _height(surface: Surface, grid: Array, alpha: float, beta: float) -> float:
    """The value of the nearest cell."""
    column = int(np.abs(surface.alphas - alpha).argmin())
    row = int(np.abs(surface.betas - beta).argmin())
    return float(grid[row, column])


def slice_figure(surface: Surface, *, beta: float = 0.0, theme: str = "light") -> go.Figure:
    """A cut through every loss along alpha, at the row nearest to a beta.

    Parameters
    ----------
    surface : Surface
    beta : float
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    row = int(np.abs(surface.betas - beta).argmin())
    figure = go.Figure()
    for number, (name, grid) in enumerate(surface.values.items()):
        look = {"color": OKABE_ITO[number], "dash": DASHES[number], "width": 3}
        figure.add_trace(go.Scatter(x=surface.alphas, y=grid[row], name=name, mode="lines", line=look))
    figure.add_vline(x=0, line={"color": CONTROL_GREY, "dash": "dot"}, layer="below")
    return figure.update_layout(
        template=template,
        title=f"A cut at beta = {surface.betas[row]:.3g}",
        xaxis_title="alpha",
        yaxis_title="nats a token",
        modebar={"remove": NO_BUTTONS},
        height=380,
    )


def surface_sentence(surface: Surface, *, names: Sequence[str] | None = None) -> str:
    """The figure in words: how far each loss rises from the model, at its lowest and highest side.

    Parameters
    ----------
    surface : Surface
    names : sequence of str, optional
        Which of its losses; all if not given.
    """
    reach = float(surface.alphas.max())
    told = [_told(surface, name) for name in names or surface.values]
    return f"Loss around the model, {surface.words}, as far as {reach:.3g}: " + "; ".join(told) + "."


def _told(surface: Surface, name: str) -> str:
    grid = surface.values[name]
    here = _height(surface, grid, 0.0, 0.0)
    rim = np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])
    lowest = np.unravel_index(int(grid.argmin()), grid.shape)
    where = f"alpha {surface.alphas[lowest[1]]:.2g}, beta {surface.betas[lowest[0]]:.2g}"
    return (
        f"{name} {here:.3f} nats a token at the model, {grid.min():.3f} at its lowest ({where}), "
        f"{rim.min():.3f} to {rim.max():.3f} on the rim"
    )
