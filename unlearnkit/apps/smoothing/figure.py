"""The figures of a choice, by name: those of the reports, with the reader's sigma marked on them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

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

SIGMAS_OF = {
    "line": "line", "gap": "sweep", "cosine": "sweep", "variance": "gradients", "retention": "certificate",
    "certificate": "certificate", "attack": "along",
}  # fmt: skip
MARKED = ("gap", "cosine", "retention")  # over sigmas: only the line moves
LINE = {"color": OKABE_ITO[4], "width": 3}  # where the reader is


def smoothing_figure(name: str, shown: Shown) -> dict[str, Any]:
    """One figure of a choice as plain values, all but the theme and the reader's sigma: `marked` adds that.

    Parameters
    ----------
    name : str
        One of `FIGURES`, of which the model has the part.
    shown : Shown
    """
    figure = DRAWN[name](shown)
    figure.layout.template = None  # of all of them together
    figure.update_layout(title={"text": TITLES[name](shown)}, height=None)
    plain = figure.to_plotly_json()
    return {"data": plain["data"], "layout": plain["layout"]}


def depends(name: str, shown: Shown) -> tuple[Any, ...]:
    """What a figure is drawn from: with the same of all, `smoothing_figure` gives the same."""
    choice = shown.choice
    sigma = None if name in MARKED else shown.seen.at[SIGMAS_OF[name]]
    more = {"certificate": (choice.simultaneous,), "attack": (choice.attack, choice.share)}
    return (name, choice.model, sigma, *more.get(name, ()))


def marked(name: str, figure: dict[str, Any], shown: Shown) -> dict[str, Any]:
    """A figure and, where it is over sigmas, a line at the reader's."""
    if name not in MARKED:
        return figure
    sigma = shown.seen.at[SIGMAS_OF[name]]
    here = {
        "type": "line", "x0": sigma, "x1": sigma, "y0": 0, "y1": 1, "line": LINE,
        "layer": "below",
    }  # fmt: skip
    layout = figure["layout"]
    return {**figure, "layout": {**layout, "shapes": [*layout.get("shapes", ()), here]}}


def _line(shown: Shown) -> Any:
    figure = line_figure(shown.seen.line)  # type: ignore[arg-type]
    return figure.update_traces(line={"width": 7}, selector={"name": "f"})  # seen beneath f_sigma, too


def _gap(shown: Shown) -> Any:
    return gap_figure({escape(shown.choice.model): _sweep(shown)})


def _cosine(shown: Shown) -> Any:
    return cosine_figure(_sweep(shown))


def _variance(shown: Shown) -> Any:
    return variance_figure(shown.seen.gradients)  # type: ignore[arg-type]


def _retention(shown: Shown) -> Any:
    return retention_figure(shown.seen.view.certified)


def _certificate(shown: Shown) -> Any:
    certificate: Any = shown.seen.certificate
    figure = certified_radius_figure(certificate, simultaneous=shown.choice.simultaneous)
    return mark_reaches(figure, certificate, shown.seen.reaches)


def _attack(shown: Shown) -> Any:
    along: Any = shown.seen.along
    return along_attack_figure(along, share=str(shown.choice.share))


def _sweep(shown: Shown) -> Any:
    return shown.seen.view.sweep


DRAWN: dict[str, Callable[[Shown], Any]] = {
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
        f"Certified radius, sigma {shown.seen.at['certificate']:.3g}, "
        f"{'all facts at once' if shown.choice.simultaneous else 'each fact'}"
    ),
    "attack": lambda shown: f"Along {escape(str(shown.choice.attack))}, sigma {shown.seen.at['along']:.3g}",
}
