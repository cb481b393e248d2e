"""A loss and its smoothed selves along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearnkit.errors import BadInput
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, NO_BUTTONS, OKABE_ITO, Look, template_of
from unlearnkit.smoothing import SmoothedLine

if TYPE_CHECKING:
    import plotly.graph_objects as go


def line_figure(line: SmoothedLine, *, theme: str = "light") -> go.Figure:
    """F in grey, f_sigma in colour with the band of its 95 % intervals.

    Parameters
    ----------
    line : SmoothedLine
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Never show it without `line_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For more than six radii, or an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    if len(line.smoothed) > len(OKABE_ITO):
        raise BadInput(f"line: {len(OKABE_ITO)} radii at most, but it has {len(line.smoothed)}")
    own = {"color": CONTROL_GREY, "width": 3}
    figure = go.Figure(go.Scatter(x=line.alphas, y=line.values, name="f", mode="lines", line=own))
    for number, (sigma, along) in enumerate(line.smoothed.items()):
        look, name = Look(OKABE_ITO[number], "circle"), f"f_sigma, sigma {sigma:g}"
        band = [*(one.interval[0] for one in along), *(one.interval[1] for one in reversed(along))]
        figure.add_trace(
            go.Scatter(
                x=[*line.alphas, *reversed(line.alphas)], y=band, fill="toself", hoverinfo="skip",
                fillcolor=look.faint(0.2), line={"width": 0}, showlegend=False, legendgroup=name,
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=line.alphas, y=[one.estimate for one in along], name=name, legendgroup=name, mode="lines",
                line={"color": look.colour, "dash": DASHES[number], "width": 2.5},
                hovertemplate=f"{name}: %{{y:.4g}} at %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    return figure.update_layout(
        template=template,
        title=f"The loss and its smoothed selves, {line.law} noise; bands: 95 % intervals",
        xaxis_title=f"alpha (1 is {line.length:.3g} in L2)",
        yaxis_title="loss",
        modebar={"remove": NO_BUTTONS},
        height=420,
    )


def line_sentence(line: SmoothedLine) -> str:
    """The figure in words: each curve at the weights, and its lowest and highest place."""
    told = [_told("f", line, line.values)]
    for sigma, along in line.smoothed.items():
        told.append(_told(f"f_sigma at sigma {sigma:g}", line, [one.estimate for one in along]))
    return f"Along a line, under {line.law} noise: {'; '.join(told)}."


def _told(name: str, line: SmoothedLine, values: tuple[float, ...] | list[float]) -> str:
    middle = min(range(len(values)), key=lambda place: abs(line.alphas[place]))
    lowest, highest = (pick(range(len(values)), key=values.__getitem__) for pick in (min, max))
    return (
        f"{name} is {values[middle]:.4g} at the weights, lowest {values[lowest]:.4g} at alpha "
        f"{line.alphas[lowest]:.2g}, highest {values[highest]:.4g} at {line.alphas[highest]:.2g}"
    )
