"""What a reader chose to see of the landscape, kept to what the surfaces have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

import numpy as np

from unlearnkit.apps.landscape import places
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive, unknown_name
from unlearnkit.flatness import Surface
from unlearnkit.reports.landscape.surfaces import MOST


@dataclass(frozen=True)
class Choice:
    """One view of the landscape.

    Attributes
    ----------
    directions : str
        Which surface.
    losses : tuple of str
        Side by side, three at most.
    radius : float
        How far around the model, in units of alpha and beta.
    ceiling : float or None
        Nats a token: what lies higher is cut off in the drawing, and counted all the same.
    height : float
        Nats a token: where the slice lies.
    paths : tuple of str
        Which trajectories are drawn; the walk leads through them in turn.
    step : int
        The place on the walk, from 0.
    flat : bool
        Maps instead of landscapes.
    """

    directions: str
    losses: tuple[str, ...]
    radius: float
    ceiling: float | None
    height: float
    paths: tuple[str, ...]
    step: int
    flat: bool = False


class Options:
    """What there is to choose from.

    Parameters
    ----------
    surfaces : mapping of str to Surface
        All with the same losses.
    """

    def __init__(self, surfaces: Mapping[str, Surface]) -> None:
        self.surfaces = dict(surfaces)

    def first(self) -> Choice:
        """Everything of the first surface, sliced above the model on every loss, at the walk's end."""
        directions, surface = next(iter(self.surfaces.items()))
        losses, paths = tuple(surface.values)[:MOST], tuple(surface.trajectories)
        here, heights = max(surface.near(name, 0.0, 0.0) for name in losses), places.heights(surface, losses)
        above = [height for height in heights if height > here] or heights[-1:]
        return Choice(
            directions, losses, places.radii(surface)[-1], None, above[len(above) // 4], paths,
            max(len(walk(surface, paths)) - 1, 0),
        )  # fmt: skip

    def of(self, choice: Choice) -> dict[str, list[Any]]:
        """Everything that a field of a choice could be, given the others, for fields that are listed."""
        surface = self.surfaces[choice.directions]
        ceilings = places.ceilings(surface, choice.losses)
        if choice.ceiling is not None:
            known = {value for value in ceilings if value is not None}
            ceilings = [*sorted({*known, choice.ceiling}), None]
        return {
            "directions": list(self.surfaces),
            "losses": list(surface.values),
            "radius": places.radii(surface),
            "ceiling": ceilings,
            "height": sorted({*places.heights(surface, choice.losses), choice.height}),
            "paths": list(surface.trajectories),
            "step": list(range(len(walk(surface, choice.paths)))),
        }

    def changed(self, choice: Choice, **changes: Any) -> Choice:
        """The choice with some fields changed, and the others kept to what there then is.

        A radius is moved to the nearest at which cells lie.

        Raises
        ------
        UnknownName, BadInput
            For a field, or a value of one, that there is not.
        """
        known = [field.name for field in fields(Choice)]
        for name in changes:
            if name not in known:
                raise unknown_name("choose", name, known)
        require_one_of("directions", changes.get("directions", choice.directions), self.surfaces)
        settled = self._settled(choice, changes)
        surface = self.surfaces[settled.directions]
        for name, rule in RULES.items():
            if name in changes:
                change: dict[str, Any] = {name: rule(surface, settled, changes[name])}
                settled = replace(settled, **change)
        if settled.ceiling is not None and settled.ceiling <= self._lowest(settled):
            if "ceiling" in changes:
                raise BadInput(
                    f"ceiling: all that is shown lies above {settled.ceiling:g} (the lowest is "
                    f"{self._lowest(settled):.4g}), so nothing would be seen; give a higher one, or None"
                )
            settled = replace(settled, ceiling=None)
        if "step" not in changes:
            last = max(len(walk(surface, settled.paths)) - 1, 0)
            settled = replace(settled, step=min(settled.step, last))
        return settled

    def _settled(self, old: Choice, changes: Mapping[str, Any]) -> Choice:
        """On other directions, the radius keeps its share of what there is, and ladders start anew."""
        directions = changes.get("directions", old.directions)
        if directions == old.directions:
            return replace(old, paths=tuple(changes.get("paths", old.paths)))
        before, now = self.surfaces[old.directions], self.surfaces[directions]
        share = old.radius / places.radii(before)[-1]
        saw_all = set(old.paths) == set(before.trajectories)
        paths = tuple(name for name in now.trajectories if saw_all or name in old.paths)
        return replace(
            old, directions=directions, paths=paths, radius=_nearest(now, share * places.radii(now)[-1]),
        )  # fmt: skip

    def _lowest(self, choice: Choice) -> float:
        surface = self.surfaces[choice.directions]
        shown = places.cropped(surface, choice.losses, choice.radius)
        return float(places.finite_values(shown, choice.losses)[0])


def walk(surface: Surface, paths: Sequence[str]) -> list[tuple[str, int]]:
    """The places of the walk: every model of every path in turn, as (path, number)."""
    return [(name, at) for name in paths for at in range(len(surface.trajectories[name].alphas))]


def _nearest(surface: Surface, radius: float) -> float:
    known = np.array(places.radii(surface))
    return float(known[np.abs(known - radius).argmin()])


def _losses(surface: Surface, choice: Choice, given: Any) -> tuple[str, ...]:
    chosen = _several("losses", given, list(surface.values))
    if not 1 <= len(chosen) <= MOST:
        raise BadInput(
            f"losses: one to {MOST} side by side, but {len(chosen)} were chosen; a browser draws no more "
            "landscapes fluently"
        )
    return chosen


def _several(argument: str, given: Any, known: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise BadInput(f"{argument} must be a list of names, not {given!r:.60}; known: {', '.join(known)}")
    for name in given:
        require_one_of(argument, name, known)
    return tuple(name for name in known if name in given)


def _radius(surface: Surface, choice: Choice, given: Any) -> float:
    require_positive("radius", given)
    return _nearest(surface, float(given))


def _ceiling(surface: Surface, choice: Choice, given: Any) -> float | None:
    if given is None:
        return None
    require_positive("ceiling", given)
    return float(given)


def _height(surface: Surface, choice: Choice, given: Any) -> float:
    if not isinstance(given, Real) or isinstance(given, bool) or not math.isfinite(given):
        raise BadInput(f"height must be a finite number of nats a token, not {given!r:.40}")
    return float(given)


def _paths(surface: Surface, choice: Choice, given: Any) -> tuple[str, ...]:
    return _several("paths", given, list(surface.trajectories))


def _step(surface: Surface, choice: Choice, given: Any) -> int:
    there = len(walk(surface, choice.paths))
    if not there:
        raise BadInput("step: no path is drawn, so there is no way to walk; choose paths first")
    require_integer("step", given, minimum=0, maximum=there - 1)
    return int(given)


def _flat(surface: Surface, choice: Choice, given: Any) -> bool:
    require_one_of("flat", given, (False, True))
    return bool(given)


RULES = {
    "losses": _losses, "radius": _radius, "ceiling": _ceiling, "height": _height, "paths": _paths,
    "step": _step, "flat": _flat,
}  # fmt: skip
