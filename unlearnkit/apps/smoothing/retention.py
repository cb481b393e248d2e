"""What noise of each size leaves of a model: the price of a certificate, over sigma."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unlearnkit.reports.looks import CONTROL_GREY, DASHES, MARKERS, NO_BUTTONS, OKABE_ITO, template_of
from unlearnkit.reports.smoothing.certificates import NAMES
from unlearnkit.smoothing import Certificate, ModelCertificate

if TYPE_CHECKING:
    import plotly.graph_objects as go


def retention_figure(certified: Mapping[float, Certificate], *, theme: str = "light") -> go.Figure:
    """Kept facts answered under noise, and the floor below which nothing is certified, over sigma.

    Parameters
    ----------
    certified : mapping of float to Certificate
        By sigma, of one model.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        An open marker abstains. Never show it without `retention_sentence`.

    Raises
    ------
    UnknownName
        For an unknown theme.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    sigmas = list(certified)
    for number, name in enumerate(NAMES):
        found = _series(certified, name)
        if not found:
            continue
        kept = [one.retain for one in found.values()]
        marks = [MARKERS[number] + ("" if one.works else "-open") for one in kept]
        bars = {
            "type": "data", "symmetric": False, "array": [one.interval[1] - one.estimate for one in kept],
            "arrayminus": [one.estimate - one.interval[0] for one in kept],
        }  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=list(found), y=[one.estimate for one in kept], name=NAMES[name], mode="lines+markers",
                line={"color": OKABE_ITO[number], "dash": DASHES[number], "width": 2.5}, error_y=bars,
                marker={"symbol": marks, "size": 10}, showlegend=True,
                hovertemplate=f"{NAMES[name]}: %{{y:.3f}} at sigma %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    floors = [found.model.retain.floor for found in certified.values()]
    figure.add_trace(
        go.Scatter(
            x=sigmas, y=floors, name="floor of the model", mode="lines+markers",
            line={"color": CONTROL_GREY, "dash": "dot", "width": 2}, marker={"symbol": "line-ew", "size": 12},
        )
    )  # fmt: skip
    names = [f"{sigma:.3g}" for sigma in sigmas]
    figure.update_xaxes(type="log", title="sigma", tickvals=sigmas, ticktext=names)
    figure.update_yaxes(range=[-0.03, 1.05], title="kept facts answered under noise")
    return figure.update_layout(
        template=template_of(theme), modebar={"remove": NO_BUTTONS}, height=420,
        title="What noise leaves of the models; open: below the floor, nothing is certified",
    )  # fmt: skip


def retention_sentence(certified: Mapping[float, Certificate]) -> str:
    """The figure in words."""
    told = "; ".join(
        f"at sigma {sigma:g} "
        + ", ".join(f"{name} {_told(one)}" for name, one in found.models.items())
        + f" (floor {found.model.retain.floor:.3f})"
        for sigma, found in certified.items()
    )
    return f"Kept facts answered under noise: {told}."


def _series(certified: Mapping[float, Certificate], name: str) -> dict[float, ModelCertificate]:
    return {sigma: found.models[name] for sigma, found in certified.items() if name in found.models}


def _told(found: ModelCertificate) -> str:
    return f"{found.retain.estimate:.3f}{'' if found.works else ', too few: it abstains'}"
