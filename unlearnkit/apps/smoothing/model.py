"""What the smoothing view shows of a choice, looked up in what was computed before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unlearnkit.apps.smoothing.choice import Choice, Options, nearest
from unlearnkit.apps.smoothing.smoothing_view import SmoothingView
from unlearnkit.errors import BadInput
from unlearnkit.smoothing import (
    AlongAttack,
    Certificate,
    GradientComparison,
    RadiusPoint,
    Reach,
    Reaches,
    SmoothedLine,
)

ALONE = "the model"  # what a view is called that was given without a name


@dataclass(frozen=True, eq=False)
class Seen:
    """One model at a sigma, or at the sigma nearest to it at which a part was computed.

    Attributes
    ----------
    view : SmoothingView
    at : dict of str to float
        The sigma of each part that there is: "line", "sweep", "gradients", "certificate", "along".
    line : SmoothedLine or None
        With one smoothed loss.
    point : RadiusPoint or None
        Of the sweep.
    gradients : GradientComparison or None
    certificate : Certificate or None
    reaches : Reaches or None
        Ratios are to this certificate.
    along : AlongAttack or None
        Of the chosen attack.
    """

    view: SmoothingView
    at: dict[str, float]
    line: SmoothedLine | None
    point: RadiusPoint | None
    gradients: GradientComparison | None
    certificate: Certificate | None
    reaches: Reaches | None
    along: AlongAttack | None


@dataclass(frozen=True, eq=False)
class Shown:
    """Everything that is shown of a choice.

    Attributes
    ----------
    choice : Choice
    seen : Seen
        The chosen model.
    others : dict of str to Seen
        Every model, the chosen one too, for the table.
    """

    choice: Choice
    seen: Seen
    others: dict[str, Seen]

    def draws(self, *figures: str) -> bool:
        """Whether any of some figures is chosen."""
        return any(name in self.choice.figures for name in figures)


class Smoothing:
    """Views by the model's name.

    Parameters
    ----------
    views : SmoothingView, or mapping of str to SmoothingView

    Raises
    ------
    BadInput
        For anything else.
    """

    def __init__(self, views: Any) -> None:
        named = {ALONE: views} if isinstance(views, SmoothingView) else views
        if not isinstance(named, Mapping):
            raise BadInput(
                f"views must be a SmoothingView, or a dict of those by name, not a {type(named).__name__}"
            )
        if not named:
            raise BadInput("views: the dict is empty, so there is nothing to show; give one by name at least")
        for name, view in named.items():
            if not isinstance(name, str) or not name or not isinstance(view, SmoothingView):
                raise BadInput(
                    f"views: {name!r:.40} is a {type(view).__name__}, but each must be a name (str) with a "
                    "SmoothingView"
                )
        self.options = Options(named)

    def show(self, choice: Choice) -> Shown:
        """Everything that is shown of a choice."""
        every = {name: _seen(view, choice) for name, view in self.options.views.items()}
        return Shown(choice, every[choice.model], every)


def _seen(view: SmoothingView, choice: Choice) -> Seen:
    parts: dict[str, Mapping[float, Any]] = {
        "line": view.lines, "sweep": view.points, "gradients": view.comparisons,
        "certificate": view.certified, "along": view.paths.get(choice.attack or "", {}),
    }  # fmt: skip
    found = {name: nearest(part, choice.sigma) for name, part in parts.items() if part}
    here = {name: found[name][1] if name in found else None for name in parts}
    certificate = here["certificate"]
    reaches = reaches_of(view.reaches, certificate) if view.reaches and certificate else None
    return Seen(
        view, {name: sigma for name, (sigma, _) in found.items()}, here["line"], here["sweep"],
        here["gradients"], certificate, reaches, here["along"],
    )  # fmt: skip


def reaches_of(reaches: Reaches, certificate: Certificate) -> Reaches:
    """The same distances, in units of another certificate's radii."""
    split = 0.0 if certificate.model.split is None else certificate.radius
    longest = float(certificate.model.radii().max())
    moved = tuple(_reach(reach, split, longest) for reach in reaches.reaches)
    return Reaches(moved, split, longest, certificate.dimensions)


def _reach(reach: Reach, split: float, longest: float) -> Reach:
    within = reach.inside >= reach.distance * (1 - 1e-6)
    return replace(
        reach, ratio_split=_ratio(reach.distance, split), ratio_facts=_ratio(reach.distance, longest),
        covered=within and reach.distance <= (split or longest),
    )  # fmt: skip


def _ratio(distance: float, radius: float) -> float:
    if not distance:
        return 0.0
    return distance / radius if radius else math.inf
