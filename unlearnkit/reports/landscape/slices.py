"""A cut through a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unlearnkit.errors import BadInput
from unlearnkit.flatness import Surface
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


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
        Never show it without `slice_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For more than six losses, a beta outside the surface, or an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    if len(surface.values) > len(OKABE_ITO):
        raise BadInput(f"surface: {len(OKABE_ITO)} losses at most, but it has {len(surface.values)}")
    row = _row(surface, beta)
    figure = go.Figure()
    for number, (name, grid) in enumerate(surface.values.items()):
        look = {"color": OKABE_ITO[number], "dash": DASHES[number], "width": 3}
        figure.add_trace(
            go.Scatter(
                x=surface.alphas, y=grid[row], name=name, mode="lines", line=look, showlegend=True,
                hovertemplate=f"{name}: %{{y:.3f}} at alpha %{{x:.3f}}<extra></extra>",
            )
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": CONTROL_GREY, "dash": "dot"}, layer="below")
    return figure.update_layout(
        template=template,
        title=f"A cut at beta = {surface.betas[row]:.3g}",
        xaxis_title="alpha",
        yaxis_title="nats a token",
        modebar={"remove": NO_BUTTONS},
        height=380,
    )


def slice_sentence(surface: Surface, *, beta: float = 0.0) -> str:
    """The figure in words: each loss at both ends of the cut, at alpha 0 and at its lowest."""
    row = _row(surface, beta)
    told = "; ".join(_told(surface, name, row) for name in surface.values)
    return f"A cut at beta = {surface.betas[row]:.3g}: {told}."


def _row(surface: Surface, beta: float) -> int:
    """The row nearest to a beta."""
    low, high = (float(end) for end in surface.betas[[0, -1]])
    if not low <= beta <= high:
        raise BadInput(f"beta: the surface reaches from {low:.4g} to {high:.4g}, but {beta} was given")
    return int(np.abs(surface.betas - beta).argmin())


def _told(surface: Surface, name: str, row: int) -> str:
    along = surface.values[name][row]
    middle, lowest = int(np.abs(surface.alphas).argmin()), int(np.nanargmin(along))
    return (
        f"{name} from {along[0]:.3f} nats a token at alpha {surface.alphas[0]:.2g} by {along[middle]:.3f} at "
        f"{surface.alphas[middle]:.2g} to {along[-1]:.3f} at {surface.alphas[-1]:.2g}, lowest "
        f"{along[lowest]:.3f} at {surface.alphas[lowest]:.2g}"
    )
