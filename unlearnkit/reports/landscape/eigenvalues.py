"""Outermost eigenvalues with their residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unlearnkit.errors import BadInput
from unlearnkit.flatness import Eigenvalues
from unlearnkit.reports.landscape.whose import called, of_whom
from unlearnkit.reports.looks import CONTROL_GREY, MARKERS, NO_BUTTONS, OKABE_ITO, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


def eigenvalue_figure(found: Mapping[str, Eigenvalues], *, theme: str = "light") -> go.Figure:
    """The eigenvalues of each model by name, with their residuals as error bars; it says of which matrix.

    Parameters
    ----------
    found : mapping of str to Eigenvalues
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Never show it without `eigenvalue_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For nothing at all, more than six, or an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    if not 1 <= len(found) <= len(OKABE_ITO):
        raise BadInput(f"found: one to {len(OKABE_ITO)} by name, but {len(found)} were given")
    figure = go.Figure()
    for number, (name, pairs) in enumerate(found.items()):
        name = called(found, name)
        values = pairs.values.tolist()
        offset = 0.08 * (number - (len(found) - 1) / 2)
        figure.add_trace(
            go.Scatter(
                x=[place + 1 + offset for place in range(len(values))], y=values, name=name, mode="markers",
                error_y={"type": "data", "array": pairs.residuals.tolist()},
                marker={"color": OKABE_ITO[number], "symbol": MARKERS[number], "size": 11},
                hovertemplate=f"{name}: %{{y:.4g}}<extra></extra>",
            )
        )  # fmt: skip
    figure.add_hline(y=0, line={"color": CONTROL_GREY, "dash": "dot"}, layer="below")
    figure.update_xaxes(title="rank", dtick=1)
    return figure.update_layout(
        template=template,
        title=f"Outermost eigenvalues{of_whom(found)}; bars: residuals",
        yaxis_title="eigenvalue",
        modebar={"remove": NO_BUTTONS},
        height=400,
    )


def eigenvalue_sentence(found: Mapping[str, Eigenvalues]) -> str:
    """The figure in words."""
    return " ".join(_told(name, pairs) for name, pairs in found.items())


def _told(name: str, pairs: Eigenvalues) -> str:
    values = ", ".join(f"{value:.4g}" for value in pairs.values.tolist())
    worst = float(pairs.residuals.max())
    state = "" if pairs.converged else ", not converged"
    return (
        f"{name}: eigenvalues of the {pairs.matrix} {values} (residuals at most {worst:.1e}, {pairs.hvps} "
        f"products{state})."
    )
