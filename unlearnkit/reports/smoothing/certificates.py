"""Certificates in figures: how many facts are certified how far, and what becomes of it along an attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unlearnkit.errors import unknown_name
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, MARKERS, NO_BUTTONS, OKABE_ITO, template_of
from unlearnkit.smoothing import AlongAttack, Certificate, ModelCertificate

if TYPE_CHECKING:
    import plotly.graph_objects as go

NAMES = {"model": "model", "target": "target (has forgotten nothing)", "never_learned": "never learned"}
SHARES = {
    "split": "probability that the split is forgotten",
    "facts": "share of facts forgotten",
    "retain": "share of kept facts answered",
}


def certified_radius_figure(
    certificate: Certificate, *, simultaneous: bool = False, theme: str = "light"
) -> go.Figure:
    """The share of facts that are certified up to each radius: the model's, the target's, never_learned's.

    Parameters
    ----------
    certificate : Certificate
    simultaneous : bool
        At alpha over the number of facts, so that the whole curve holds at once.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        A model that does not work under noise lies at 0 all along. Never show it without
        `certified_radius_sentence`: some readers cannot see it.

    Raises
    ------
    UnknownName
        For an unknown theme.
    """
    import plotly.graph_objects as go

    template, figure = template_of(theme), go.Figure()
    end = 1.05 * certificate.model.ceiling or 1.0
    for number, (name, found) in enumerate(certificate.models.items()):
        radii, shares = _survival(found, end, simultaneous)
        title = NAMES[name] + ("" if found.works else ": abstains")
        figure.add_trace(
            go.Scatter(
                x=radii, y=shares, name=title, mode="lines", showlegend=True,
                line={"color": OKABE_ITO[number], "dash": DASHES[number], "width": 3, "shape": "vh"},
                hovertemplate=f"{title}: %{{y:.0%}} of facts to %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    together = "all facts at once" if simultaneous else "each fact on its own"
    figure.update_yaxes(
        range=[-0.03, 1.05], tickformat=".0%", title="facts certified to at least this radius"
    )
    return figure.update_layout(
        template=template,
        title=f"Certified radius at sigma {certificate.sigma:g}, risk {certificate.alpha:g}, {together}",
        xaxis_title="L2 radius in weight space",
        modebar={"remove": NO_BUTTONS},
        height=420,
    )


def certified_radius_sentence(certificate: Certificate, *, simultaneous: bool = False) -> str:
    """The figure in words."""
    told = [_told(name, found, simultaneous) for name, found in certificate.models.items()]
    excess = certificate.excess_share(simultaneous=simultaneous)
    together = "all at once" if simultaneous else "each"
    return (
        f"At sigma {certificate.sigma:g} in {certificate.where}, risk {certificate.alpha:g} {together}: "
        f"{'; '.join(told)}. The excess over the target is {excess:+.1%} of the facts. It is about the "
        "smoothed models, in L2, for exact answers."
    )


def along_attack_figure(found: AlongAttack, *, share: str = "split", theme: str = "light") -> go.Figure:
    """Along an attack: what is certified, what the smoothed model does, what the model itself does.

    Parameters
    ----------
    found : AlongAttack
    share : {"split", "facts", "retain"}
        Of those that it has.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        The certified curve must lie below the smoothed model's; the model itself may lie anywhere. Never show
        it without `along_attack_sentence`: some readers cannot see it.

    Raises
    ------
    UnknownName
        For a share that it has not, or an unknown theme.
    """
    import plotly.graph_objects as go

    template, figure = template_of(theme), go.Figure()
    curve = found.curves[_known(found, share)]
    errors = {
        "type": "data", "symmetric": False,
        "array": [high - here for high, here in zip(curve.high, curve.smoothed, strict=True)],
        "arrayminus": [here - low for low, here in zip(curve.low, curve.smoothed, strict=True)],
    }  # fmt: skip
    lines = (
        ("certified, at least", curve.certified, None),
        ("smoothed model", curve.smoothed, errors),
        ("model itself", curve.plain, None),
    )
    for number, (name, values, bars) in enumerate(lines):
        if values is None:
            continue
        look = {"color": OKABE_ITO[number], "dash": DASHES[number], "width": 2.5}
        figure.add_trace(
            go.Scatter(
                x=found.distances, y=values, name=name, mode="lines+markers", line=look, error_y=bars,
                marker={"symbol": MARKERS[number], "size": 9}, showlegend=True,
                hovertemplate=f"{name}: %{{y:.3f}} at distance %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    if found.radius and share != "retain":
        figure.add_vline(x=found.radius, line={"color": CONTROL_GREY, "dash": "dot"}, layer="below")
    figure.update_yaxes(range=[-0.03, 1.05], title=SHARES[share])
    return figure.update_layout(
        template=template,
        title="Along an attack; dotted: the certified radius",
        xaxis_title="L2 distance from the certified model",
        modebar={"remove": NO_BUTTONS},
        height=420,
    )


def along_attack_sentence(found: AlongAttack, *, share: str = "split") -> str:
    """The figure in words, from the certified model to the attack's end."""
    curve = found.curves[_known(found, share)]
    ratio = "and no radius is certified"
    if found.radius:
        ratio = f"{found.distances[-1] / found.radius:.3g} times the certified radius {found.radius:.3g}"
    places = "; ".join(
        f"at {distance:.3g} "
        + ("" if curve.certified is None else f"certified {curve.certified[place]:.3f}, ")
        + f"smoothed {curve.smoothed[place]:.3f} ({curve.low[place]:.3f} to {curve.high[place]:.3f}), "
        f"the model itself {curve.plain[place]:.3f}"
        for place, distance in enumerate(found.distances)
    )
    state = "" if curve.certified is None else (
        " The certified curve lies below the smoothed model's, as it must."
        if found.holds
        else " The certified curve lies above the smoothed model's: the certificate is wrong."
    )  # fmt: skip
    share_of = SHARES[share].capitalize()
    return f"{share_of} over {found.distances[-1]:.3g} in L2, {ratio}: {places}.{state}"


def _survival(found: ModelCertificate, end: float, simultaneous: bool) -> tuple[list[float], list[float]]:
    """Steps down: at each radius, the share of facts that are certified at least so far."""
    radii = np.unique(found.radii(simultaneous=simultaneous))
    places = [0.0, *(float(radius) for radius in radii if radius > 0)]
    shares = [found.certified_share(radius, simultaneous=simultaneous) for radius in places]
    return [*places, end], [*shares, 0.0]


def _told(name: str, found: ModelCertificate, simultaneous: bool) -> str:
    kept = f"{found.retain.estimate:.3f} of kept facts answered under noise"
    if not found.works:
        return f"{name} abstains ({kept}, floor {found.retain.floor:.3f})"
    radii = found.radii(simultaneous=simultaneous)
    share = found.certified_share(simultaneous=simultaneous)
    return (
        f"{name} {share:.1%} of {len(found.facts)} facts certified, "
        f"median radius {np.median(radii):.3g}, longest {radii.max():.3g} ({kept})"
    )


def _known(found: AlongAttack, share: str) -> str:
    if share not in found.curves:
        raise unknown_name("share", share, found.curves)
    return share
