"""How far attacks moved the weights, on the figure of a certified radius and in words."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from unlearnkit.reports.looks import CONTROL_GREY, DASHES, MARKERS
from unlearnkit.smoothing import Certificate, Reach, Reaches

if TYPE_CHECKING:
    import plotly.graph_objects as go

DECADES = 1.5  # shown to the left of the longest radius that so many samples can certify
BEYOND = 1.4  # the axis goes on past the farthest attack


def mark_reaches(figure: go.Figure, certificate: Certificate, reaches: Reaches | None) -> go.Figure:
    """Put the distances of attacks on a figure of certified radii, whose axis becomes a logarithm.

    Parameters
    ----------
    figure : of `certified_radius_figure`
    certificate : Certificate
        That one.
    reaches : Reaches or None
        In units of its radii; without any, the figure stays as it is.
    """
    import plotly.graph_objects as go

    if reaches is None:
        return figure
    left = (certificate.model.ceiling or certificate.sigma) / 10**DECADES
    for trace in figure.data:
        trace.x = [max(float(radius), left) for radius in trace.x]
    for number, reach in enumerate(reaches.reaches):
        name = f"{escape(reach.name)}: {reach.distance:.3g}, {times(reach.ratio_facts)}"
        figure.add_trace(
            go.Scatter(
                x=[max(reach.distance, left)] * 2, y=[0.0, 1.0], name=name, mode="lines+markers",
                line={"color": CONTROL_GREY, "width": 2, "dash": DASHES[number % len(DASHES)]},
                marker={"symbol": MARKERS[-1 - number % len(MARKERS)], "size": 9}, showlegend=True,
                hovertemplate=f"{name}<extra></extra>",
            )
        )  # fmt: skip
    far = max([certificate.model.ceiling, *(reach.distance for reach in reaches.reaches)])
    span = [math.log10(left), math.log10(BEYOND * max(far, left))]
    figure.update_xaxes(type="log", range=span, dtick=1, exponentformat="power")
    return figure


def times(ratio: float) -> str:
    """A distance over the longest radius.

    Examples
    --------
    >>> times(24.31), times(math.inf)
    ('24.3 times the longest radius', 'with no radius')
    """
    return f"{ratio:.3g} times the longest radius" if math.isfinite(ratio) else "with no radius"


def reached_words(reaches: Reaches) -> str:
    """Each attack's distance in units of the certificate, and whether it lies within."""
    told = "; ".join(_told(reach) for reach in reaches.reaches)
    covered = sum(reach.covered for reach in reaches.reaches)
    state = (
        f"{covered} of {len(reaches.reaches)} lie within what is certified."
        if covered
        else "None lies within what is certified: of these attacks the certificate says nothing."
    )
    return f"Attacks moved the weights: {told}. {state}"


def _told(reach: Reach) -> str:
    inside = "" if reach.share_inside > 1 - 1e-6 else f", {reach.share_inside:.2%} of its square within"
    return f"{reach.name} by {reach.distance:.3g} in L2, {times(reach.ratio_facts)}{inside}"
