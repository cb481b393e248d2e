"""The density of eigenvalues with its band over runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from unlearnkit.errors import BadInput
from unlearnkit.flatness import Spectrum
from unlearnkit.reports.landscape.whose import called, of_whom
from unlearnkit.reports.looks import CONTROL_GREY, DASHES, NO_BUTTONS, OKABE_ITO, Look, template_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

FLOOR = 1e-6  # of the highest density, in logarithms: below it there is nothing to see


def spectrum_figure(
    spectra: Mapping[str, Spectrum], *, theme: str = "light", width: float | None = None
) -> go.Figure:
    """The density of each spectrum by name, in logarithms, with the band from the lowest to the highest run.

    Parameters
    ----------
    spectra : mapping of str to Spectrum
    theme : {"light", "dark"}
    width : float, optional
        Of the smoothing, in units of eigenvalue, the same for all; 1 % of the widest range if not given.

    Returns
    -------
    plotly.graph_objects.Figure
        Never show it without `spectrum_sentence`: some readers cannot see it.

    Raises
    ------
    BadInput
        For no spectrum at all, more than six, or an unknown theme.
    """
    import plotly.graph_objects as go

    template = template_of(theme)
    if not 1 <= len(spectra) <= len(OKABE_ITO):
        raise BadInput(f"spectra: one to {len(OKABE_ITO)} by name, but {len(spectra)} were given")
    width = max(_range(spectrum) for spectrum in spectra.values()) / 100 if width is None else width
    densities = {called(spectra, name): spectrum.density(width=width) for name, spectrum in spectra.items()}
    floor = FLOOR * max(float(density.mean.max()) for density in densities.values())
    highest = max(float(density.high.max()) for density in densities.values())
    figure = go.Figure()
    for number, (name, density) in enumerate(densities.items()):
        look = Look(OKABE_ITO[number], "circle")
        band = [*density.low, *density.high[::-1]]
        figure.add_trace(
            go.Scatter(
                x=[*density.grid, *density.grid[::-1]], y=np.maximum(band, floor), fill="toself",
                hoverinfo="skip", fillcolor=look.faint(0.25), line={"width": 0}, showlegend=False,
                legendgroup=name,
            )
        )  # fmt: skip
        line = {"color": look.colour, "dash": DASHES[number], "width": 2}
        figure.add_trace(
            go.Scatter(
                x=density.grid, y=np.maximum(density.mean, floor), name=name, legendgroup=name, mode="lines",
                line=line, hovertemplate=f"{name}: %{{y:.2g}} at %{{x:.3g}}<extra></extra>",
            )
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": CONTROL_GREY, "dash": "dot"}, layer="below")
    figure.update_yaxes(type="log", title="share of eigenvalues per unit", exponentformat="power")
    figure.update_yaxes(
        range=[np.log10(floor) + 0.1, np.log10(highest) + 0.3]
    )  # what lies on the floor is out
    return figure.update_layout(
        template=template,
        title=f"Eigenvalues{of_whom(spectra)}, smoothed over {width:.2g}; band: lowest to highest run",
        xaxis_title="eigenvalue",
        modebar={"remove": NO_BUTTONS},
        height=430,
    )


def _range(spectrum: Spectrum) -> float:
    every = np.concatenate(spectrum.nodes)
    return float(every.max() - every.min()) or 1.0


def spectrum_sentence(spectra: Mapping[str, Spectrum]) -> str:
    """The figure in words: outermost nodes, and the share of eigenvalues below 0."""
    return " ".join(_told(name, spectrum) for name, spectrum in spectra.items())


def _told(name: str, spectrum: Spectrum) -> str:
    every = np.concatenate(spectrum.nodes)
    mean, low, high = spectrum.share(-np.inf, 0.0)
    return (
        f"{name}: eigenvalues of the {spectrum.matrix} from {every.min():.3g} to {every.max():.3g}; "
        f"{mean:.0%} at or below 0 ({low:.0%} to {high:.0%} over {len(spectrum.nodes)} runs)."
    )
