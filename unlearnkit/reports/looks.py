"""How figures look: colours, markers and dashes that colour-blind readers tell apart, in two themes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unlearnkit.errors import require_one_of

# Okabe and Ito 2008, "Color Universal Design": told apart by colour-blind readers, too. Their yellow is left
# out: on white nobody sees it. Dashes and markers say the same again, without colour.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
# All have an open form and one with a dot, in which figures tell outcomes apart.
MORE_MARKERS = ("x", "triangle-down", "pentagon", "star-square", "hexagram", "star-triangle-down")
# plotly's own toolbar, less a button that uploads the chart to somebody's cloud and two that select points.
NO_BUTTONS = ["sendChartToCloud", "select2d", "lasso2d"]
CONTROL_GREY = "#7F7F7F"  # seen on white and on black
TEMPLATES = {"light": "plotly_white", "dark": "plotly_dark"}
# Those most often compared come first: the first two differ most.
OPTIMIZERS = (
    "adam", "signadam", "sgd", "signsgd", "adazo", "hybrid", "noise_matched", "hybrid_noise", "hybrid_random",
    "hybrid_rest", "hybrid_first",
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """A colour and a marker, in plotly's names."""

    colour: str
    marker: str

    def faint(self, opacity: float) -> str:
        """The colour, let through: for lines that stand behind others."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity:g})"


def looks_of(optimizers: Iterable[str]) -> dict[str, Look]:
    """One look an optimizer, the same in every figure: no two share colour and marker, up to twelve.

    The optimizers of the lab have their places, and come in their order; others follow as given. The first
    six differ in colour and marker; the next six take the colours again, with markers of their own.

    Examples
    --------
    >>> looks_of(["adam"])["adam"] == looks_of(["sgd", "adam"])["adam"]
    True
    """
    given = dict.fromkeys(optimizers)
    places = [*OPTIMIZERS, *(name for name in given if name not in OPTIMIZERS)]
    return {name: _look(place) for place, name in enumerate(places) if name in given}


def _look(place: int) -> Look:
    markers = MARKERS + MORE_MARKERS
    return Look(OKABE_ITO[place % len(OKABE_ITO)], markers[place % len(markers)])


def template_of(theme: str) -> str:
    """The template of plotly for a theme, "light" or "dark"; raises UnknownName for another."""
    require_one_of("theme", theme, TEMPLATES)
    return TEMPLATES[theme]
