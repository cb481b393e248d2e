"""f_sigma - f against sigma^2 / 2 tr H, over decades of radii."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from unlearnkit.errors import BadInput
from unlearnkit.reports.looks import CONTROL_GREY, MARKERS, NO_BUTTONS, OKABE_ITO, template_of
from unlearnkit.smoothing import PAPERS, RadiusSweep

if TYPE_CHECKING:
    import plotly.graph_objects as go


def gap_figure(sweeps: Mapping[str, RadiusSweep], *, theme: str = "light") -> go.Figure:
    """The size of f_sigma - f at each radius, in logarithms; lines are sigma^2 / 2 tr H.

    Parameters
    ----------
    sweeps : mapping of str to RadiusSweep
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Markers are open where the smoothed loss lies below the loss. Dotted: radii of papers that lie within
        what was swept. Never show it without `gap_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For no sweep at all, more than six, or an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    require_sweeps(sweeps)
    figure = go.Figure()
    for number, (name, sweep) in enumerate(sweeps.items()):
        colour, points = OKABE_ITO[number], [point for point in sweep.points if point.gap.estimate]
        sigmas = [point.sigma for point in points]
        open_ones = ["-open" if point.gap.estimate < 0 else "" for point in points]
        figure.add_trace(
            go.Scatter(
                x=sigmas, y=[abs(point.gap.estimate) for point in points], name=name, legendgroup=name,
                mode="markers", customdata=[point.gap.estimate for point in points],
                error_y={"array": [point.gap.stderr for point in points]},
                marker={"color": colour, "size": 9, "symbol": [MARKERS[number] + end for end in open_ones]},
                hovertemplate=f"{name}: %{{customdata:.3g}} at sigma %{{x:.2g}}<extra></extra>",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=sigmas, y=[abs(point.predicted) for point in points], mode="lines", showlegend=False,
                legendgroup=name, line={"color": colour, "width": 1.5, "dash": "dash"},
                hovertemplate=f"{name}, sigma^2/2 tr H: %{{y:.3g}} at %{{x:.2g}}<extra></extra>",
            )
        )  # fmt: skip
    mark_papers(figure, sweeps)
    figure.update_xaxes(type="log", dtick=1, title="sigma (change of a weight, RMS)", exponentformat="power")
    figure.update_yaxes(type="log", title="size of f_sigma - f", exponentformat="power")
    return figure.update_layout(
        template=template, modebar={"remove": NO_BUTTONS}, height=430,
        title="How far smoothing moves the loss; dashed: sigma^2/2 tr H; open: below the loss",
    )  # fmt: skip


def require_sweeps(sweeps: Mapping[str, RadiusSweep]) -> None:
    """Raise BadInput for too few or too many."""
    if not isinstance(sweeps, Mapping) or not 1 <= len(sweeps) <= len(OKABE_ITO):
        given = len(sweeps) if isinstance(sweeps, Mapping) else f"a {type(sweeps).__name__}"
        raise BadInput(f"sweeps: one to {len(OKABE_ITO)} in a dict by name, but {given} were given")


def mark_papers(figure: go.Figure, sweeps: Mapping[str, RadiusSweep]) -> None:
    """A dotted line at each paper's radius within what was swept."""
    first = next(iter(sweeps.values()))
    low, high = first.points[0].sigma, first.points[-1].sigma
    for paper in PAPERS:
        here = paper.per_weight(first.parameters)
        if low <= here <= high:
            line = {"color": CONTROL_GREY, "dash": "dot", "width": 1.5}
            figure.add_vline(x=here, line=line, layer="below")
            # Of an annotation plotly takes the logarithm, whatever the axis.
            figure.add_annotation(
                x=math.log10(here), y=1, yref="paper", yanchor="top", xanchor="left", text=paper.name,
                textangle=90, showarrow=False, font={"size": 10, "color": CONTROL_GREY},
            )  # fmt: skip


def gap_sentence(sweeps: Mapping[str, RadiusSweep]) -> str:
    """The figure in words: gap and prediction at each radius."""
    return " ".join(f"{name}: {_told(sweep)}." for name, sweep in sweeps.items())


def _told(sweep: RadiusSweep) -> str:
    return "; ".join(
        f"at sigma {point.sigma:.2g} f_sigma - f is {point.gap.estimate:.3g} (standard error "
        f"{point.gap.stderr:.1g}), sigma^2/2 tr H {point.predicted:.3g}"
        for point in sweep.points
    )
