"""Which gradient a zeroth-order estimate points along, over radii."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS, OKABE_ITO, Look, template_of
from unlearnkit.reports.smoothing.gaps import mark_papers
from unlearnkit.smoothing import RadiusSweep

if TYPE_CHECKING:
    import plotly.graph_objects as go

LOOKS = {
    "with grad f": ("cosine_plain", Look(OKABE_ITO[0], "circle"), "solid"),
    "with grad f_sigma": ("cosine_smoothed", Look(OKABE_ITO[1], "square"), "dash"),
}


def cosine_figure(sweep: RadiusSweep, *, theme: str = "light") -> go.Figure:
    """The cosine of the averaged two-point estimate with grad f and with grad f_sigma.

    Parameters
    ----------
    sweep : RadiusSweep
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        The dotted level is what sampling alone leaves; the bars are what an unrelated direction has. Never
        show it without `cosine_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    figure = go.Figure()
    sigmas = [point.sigma for point in sweep.points]
    chance = [point.cosine_by_chance for point in sweep.points]
    for name, (field, look, dash) in LOOKS.items():
        figure.add_trace(
            go.Scatter(
                x=sigmas, y=[getattr(point, field) for point in sweep.points], name=name,
                mode="lines+markers", line={"color": look.colour, "dash": dash, "width": 2.5},
                error_y={"array": chance},
                marker={"symbol": look.marker, "size": 8, "color": look.colour},
                hovertemplate=f"{name}: %{{y:.3g}} at sigma %{{x:.2g}}<extra></extra>",
            )
        )  # fmt: skip
    expected = [point.cosine_expected for point in sweep.points]
    line = {"color": CONTROL_GREY, "dash": "dot", "width": 2}
    figure.add_trace(go.Scatter(x=sigmas, y=expected, name="from sampling alone", mode="lines", line=line))
    mark_papers(figure, {"": sweep})
    figure.update_xaxes(type="log", dtick=1, title="sigma (change of a weight, RMS)", exponentformat="power")
    return figure.update_layout(
        template=template,
        title=f"The mean of {sweep.queries} two-point estimates: its cosine with either gradient",
        yaxis_title="cosine",
        modebar={"remove": NO_BUTTONS},
        height=430,
    )


def cosine_sentence(sweep: RadiusSweep) -> str:
    """The figure in words: both cosines at each radius, beside what sampling alone leaves."""
    first = sweep.points[0]
    told = "; ".join(
        f"at sigma {point.sigma:.2g} {point.cosine_plain:.2g} with grad f and {point.cosine_smoothed:.2g} "
        "with grad f_sigma"
        for point in sweep.points
    )
    return (
        f"A mean of {sweep.queries} two-point estimates has these cosines, give or take "
        f"{first.cosine_by_chance:.1g}: {told}. Sampling alone leaves {first.cosine_expected:.2g}."
    )
