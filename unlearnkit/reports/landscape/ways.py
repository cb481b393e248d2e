"""The straight way between two models, beside a random one of the same length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unlearnkit.errors import BadInput
from unlearnkit.flatness import Connectivity
from unlearnkit.reports.looks import MARKERS, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


def way_figure(ways: Mapping[str, Connectivity], *, theme: str = "light") -> go.Figure:
    """The loss along each way by name; dotted, as far in a random direction.

    Parameters
    ----------
    ways : mapping of str to Connectivity
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Never show it without `way_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For no way at all, more than six, or an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    if not 1 <= len(ways) <= len(OKABE_ITO):
        raise BadInput(f"ways: one to {len(OKABE_ITO)} by name, but {len(ways)} were given")
    figure = go.Figure()
    for number, (name, way) in enumerate(ways.items()):
        colour = OKABE_ITO[number]
        looks = {"": ("solid", way.path), ", random": ("dot", way.control_path)}
        for ending, (dash, path) in looks.items():
            figure.add_trace(
                go.Scatter(
                    x=way.alphas, y=path, name=name + ending, mode="lines+markers" if not ending else "lines",
                    line={"color": colour, "dash": dash, "width": 2.5}, marker={"symbol": MARKERS[number],
                    "size": 7}, hovertemplate=f"{name}{ending}: %{{y:.3f}} at %{{x:.2f}}<extra></extra>",
                )
            )  # fmt: skip
    return figure.update_layout(
        template=template,
        title="Loss on the straight way; dotted: as far in a random direction",
        xaxis_title="from the first model (0) to the second (1)",
        yaxis_title="nats a token",
        modebar={"remove": NO_BUTTONS},
        height=420,
    )


def way_sentence(ways: Mapping[str, Connectivity]) -> str:
    """The figure in words: barriers, and the random control's."""
    return " ".join(_told(name, way) for name, way in ways.items())


def _told(name: str, way: Connectivity) -> str:
    barrier = (
        f"a barrier of {way.barrier:.3g} nats a token at {way.at:.2f}" if way.barrier > 0 else "no barrier"
    )
    return (
        f"{name}: {barrier} over a distance of {way.distance:.3g}; as far in a random direction the loss "
        f"ends at {way.control_path[-1]:.3g} (barrier {way.control_barrier:.3g}), here at {way.path[-1]:.3g}."
    )
