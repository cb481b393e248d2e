"""The figures of a choice, by name: those of the reports, with the reader's sigma marked on them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from unlearnkit.apps.smoothing.model import Shown
from unlearnkit.apps.smoothing.reached import mark_reaches
from unlearnkit.apps.smoothing.retention import retention_figure
from unlearnkit.reports.looks import OKABE_ITO
from unlearnkit.reports.smoothing import (
    along_attack_figure,
    certified_radius_figure,
    cosine_figure,
    gap_figure,
    line_figure,
    variance_figure,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 380
HERE = {"color": OKABE_ITO[4], "width": 3}  # the reader's sigma


def smoothing_figure(name: str, shown: Shown, *, theme: str = "light") -> go.Figure:
    """One figure of a choice.

    Parameters
    ----------
    name : str
        One of `FIGURES`, of which the model has the part.
    shown : Shown
    theme : {"light", "dark"}
    """
    figure = DRAWN[name](shown, theme)
    figure.update_layout(
        title={"text": TITLES[name](shown), "font": {"size": 15}}, height=HEIGHT, autosize=True,
        margin={"l": 60, "r": 15, "t": 45, "b": 60}, uirevision="the same",
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"}, showlegend=True,
    )  # fmt: skip
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def _line(shown: Shown, theme: str) -> Any:
    return line_figure(shown.seen.line, theme=theme)  # type: ignore[arg-type]


def _gap(shown: Shown, theme: str) -> Any:
    return _at(shown.seen.at["sweep"], gap_figure({escape(shown.choice.model): _sweep(shown)}, theme=theme))


def _cosine(shown: Shown, theme: str) -> Any:
    return _at(shown.seen.at["sweep"], cosine_figure(_sweep(shown), theme=theme))


def _variance(shown: Shown, theme: str) -> Any:
    return variance_figure(shown.seen.gradients, theme=theme)  # type: ignore[arg-type]


def _retention(shown: Shown, theme: str) -> Any:
    return _at(shown.seen.at["certificate"], retention_figure(shown.seen.view.certified, theme=theme))


def _certificate(shown: Shown, theme: str) -> Any:
    certificate: Any = shown.seen.certificate
    figure = certified_radius_figure(certificate, simultaneous=shown.choice.simultaneous, theme=theme)
    return mark_reaches(figure, certificate, shown.seen.reaches)


def _attack(shown: Shown, theme: str) -> Any:
    along: Any = shown.seen.along
    return along_attack_figure(along, share=str(shown.choice.share), theme=theme)


def _sweep(shown: Shown) -> Any:
    return shown.seen.view.sweep


def _at(sigma: float, figure: go.Figure) -> go.Figure:
    """A line at the reader's sigma, behind everything."""
    figure.add_vline(x=sigma, line=HERE, layer="below")
    return figure


DRAWN: dict[str, Callable[[Shown, str], Any]] = {
    "line": _line, "gap": _gap, "cosine": _cosine, "variance": _variance, "retention": _retention,
    "certificate": _certificate, "attack": _attack,
}  # fmt: skip
TITLES: dict[str, Callable[[Shown], str]] = {
    "line": lambda shown: f"f and f_sigma along a line, sigma {shown.seen.at['line']:.3g}",
    "gap": lambda shown: "f_sigma - f; dashed: sigma²/2 tr H; open: below 0",
    "cosine": lambda shown: f"Cosine of the mean of {_sweep(shown).queries} two-point estimates",
    "variance": lambda shown: f"Variance of estimates, sigma {shown.seen.at['gradients']:.3g}",
    "retention": lambda shown: "What noise leaves; open: below the floor, it abstains",
    "certificate": lambda shown: (
        f"Certified radius{' and attacks' if shown.seen.reaches else ''}, sigma "
        f"{shown.seen.at['certificate']:.3g}, {'all facts at once' if shown.choice.simultaneous else 'each fact'}"
    ),
    "attack": lambda shown: f"Along {escape(str(shown.choice.attack))}, sigma {shown.seen.at['along']:.3g}",
}
