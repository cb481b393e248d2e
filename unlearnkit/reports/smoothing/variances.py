"""What each way to the smoothed gradient costs, and what it leaves of the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearnkit.errors import BadInput
from unlearnkit.reports.looks import DASHES, MARKERS, NO_BUTTONS, OKABE_ITO, template_of
from unlearnkit.smoothing import GradientComparison, SmoothedGradient

if TYPE_CHECKING:
    import plotly.graph_objects as go

SPAN = (1.0, 10.0, 100.0, 1000.0, 10_000.0)  # forward-equivalents


def variance_figure(comparison: GradientComparison, *, theme: str = "light") -> go.Figure:
    """The variance of each method's mean against what was spent on it, in logarithms.

    Parameters
    ----------
    comparison : GradientComparison
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        A marker is what was measured; along its line the same method at another cost. A method without
        variance has no line. Never show it without `variance_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        When no method has any variance, or for an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    if not any(found.total_variance for found in comparison.estimates.values()):
        raise BadInput("comparison: no method has any variance, so there is nothing to draw on a logarithm")
    figure = go.Figure()
    for number, (name, found) in enumerate(comparison.estimates.items()):
        if not found.total_variance:
            continue
        colour = OKABE_ITO[number]
        line = {"color": colour, "dash": DASHES[number], "width": 2}
        left = [found.variance_times_cost / spent for spent in SPAN]
        figure.add_trace(
            go.Scatter(
                x=SPAN, y=left, name=name, legendgroup=name, mode="lines", line=line, showlegend=False,
                hovertemplate=f"{name}: %{{y:.3g}} left after %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[found.forward_equivalents], y=[found.stderr**2], name=name, legendgroup=name,
                mode="markers", marker={"symbol": MARKERS[number], "size": 11, "color": colour},
                hovertemplate=f"{name}, {found.samples} samples: %{{y:.3g}} after %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1, title="forward-equivalents spent", exponentformat="power")
    figure.update_yaxes(type="log", title="total variance of the mean", exponentformat="power")
    return figure.update_layout(
        template=template,
        title=f"The gradient of the smoothed loss, {comparison.law}, sigma {comparison.sigma:g}",
        modebar={"remove": NO_BUTTONS},
        height=430,
    )


def variance_sentence(comparison: GradientComparison) -> str:
    """The figure in words: each method's variance and cost, and whether they agree."""
    told = "; ".join(_told(found) for found in comparison.estimates.values())
    return f"{told}. {comparison.words}"


def _told(found: SmoothedGradient) -> str:
    return (
        f"{found.method}: total variance {found.total_variance:.3g} a sample at {found.cost:.3g} "
        f"forward-equivalents, {found.stderr**2:.3g} left after {found.forward_equivalents:.3g}"
    )
