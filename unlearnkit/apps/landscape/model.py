"""What the landscape view shows of a choice, computed from surfaces that were made before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unlearnkit.apps.landscape.basin import Basin, basin
from unlearnkit.apps.landscape.choice import Choice, Options, walk
from unlearnkit.apps.landscape.places import cropped, within
from unlearnkit.errors import BadInput
from unlearnkit.flatness import Eigenvalues, Surface, Trajectory
from unlearnkit.reports.looks import OKABE_ITO

ALONE = "the model"  # what eigenvalues are called that were given without a name


@dataclass(frozen=True)
class Stand:
    """Where a reader stands on the walk.

    Attributes
    ----------
    path, label : str
        Which trajectory, and which of its models.
    number, of : int
        The place on the whole walk, from 1, and how many there are.
    alpha, beta, off : float
        Its projection, and its L2 distance from the plane.
    own : dict of str to float
        Its own losses.
    beneath : dict of str to float
        What the surface says there; empty outside of what is shown.
    """

    path: str
    label: str
    number: int
    of: int
    alpha: float
    beta: float
    off: float
    own: dict[str, float]
    beneath: dict[str, float]


@dataclass(frozen=True, eq=False)
class Shown:
    """Everything that is shown of a choice.

    Attributes
    ----------
    choice : Choice
    surface : Surface
        The chosen losses within the radius.
    paths : dict of str to Trajectory
    stand : Stand or None
        None where no path is drawn.
    basins : dict of str to Basin
    eigenvalues : dict of str to Eigenvalues
    """

    choice: Choice
    surface: Surface
    paths: dict[str, Trajectory]
    stand: Stand | None
    basins: dict[str, Basin]
    eigenvalues: dict[str, Eigenvalues]


class Landscape:
    """Surfaces of one model by their directions, and the eigenvalues of its Hessians.

    Parameters
    ----------
    surfaces : Surface, or mapping of str to Surface
    eigenvalues : Eigenvalues, or mapping of str to Eigenvalues, optional

    Raises
    ------
    BadInput
        For anything else, surfaces of unlike losses or around no model, grids that do not fit their axes or
        hold no finite value, and more than six sets of eigenvalues.
    """

    def __init__(self, surfaces: Any, eigenvalues: Any = None) -> None:
        named = {"these directions": surfaces} if isinstance(surfaces, Surface) else surfaces
        _require_named("surface", named, Surface, "surface(…)")
        for name, surface in named.items():
            _require_whole(name, surface)
        _require_alike(named)
        self.options = Options(named)
        self.eigenvalues = _named_eigenvalues(eigenvalues)

    def show(self, choice: Choice) -> Shown:
        """Everything that is shown of a choice."""
        whole = self.options.surfaces[choice.directions]
        surface = cropped(whole, choice.losses, choice.radius)
        return Shown(
            choice, surface, {name: whole.trajectories[name] for name in choice.paths},
            _stand(whole, surface, choice),
            {name: basin(surface, name, choice.height) for name in surface.values}, self.eigenvalues,
        )  # fmt: skip


def _stand(whole: Surface, shown: Surface, choice: Choice) -> Stand | None:
    places = walk(whole, choice.paths)
    if not places:
        return None
    name, at = places[choice.step]
    way = whole.trajectories[name]
    alpha, beta = way.alphas[at], way.betas[at]
    inside = within(shown.alphas, alpha) and within(shown.betas, beta)
    return Stand(
        path=name, label=way.labels[at], number=choice.step + 1, of=len(places), alpha=alpha, beta=beta,
        off=way.off[at],
        own={loss: way.values[loss][at] for loss in shown.values if loss in way.values},
        beneath={loss: shown.near(loss, alpha, beta) for loss in shown.values} if inside else {},
    )  # fmt: skip


def _named_eigenvalues(given: Any) -> dict[str, Eigenvalues]:
    if given is None:
        return {}
    named = {ALONE: given} if isinstance(given, Eigenvalues) else given
    _require_named("eigenvalues", named, Eigenvalues, "top_eigenvalues(…)")
    if len(named) > len(OKABE_ITO):
        raise BadInput(
            f"eigenvalues: {len(OKABE_ITO)} by name at most, but {len(named)} were given; more are not told "
            "apart in one figure"
        )
    return dict(named)


def _require_named(argument: str, given: Any, kind: type, maker: str) -> None:
    """Raise unless it is a mapping of names to things of a kind, and not an empty one."""
    if not isinstance(given, Mapping):
        raise BadInput(
            f"{argument} must be what uk.flatness.{maker} returns, or a dict of those by name, not "
            f"{type(given).__name__}"
        )
    if not given:
        raise BadInput(
            f"{argument}: the dict is empty, so there is nothing to show; give one by name at least"
        )
    for name, one in given.items():
        if not isinstance(name, str) or not isinstance(one, kind):
            raise BadInput(
                f"{argument}: {name!r:.40} is {type(one).__name__}, but each must be a name (str) with what "
                f"uk.flatness.{maker} returns"
            )


def _require_whole(name: str, surface: Surface) -> None:
    axes = {"alphas": surface.alphas, "betas": surface.betas}
    for axis_name, axis in axes.items():
        rises = np.isfinite(axis).all() and (np.diff(axis) > 0).all()
        if len(axis) < 2 or not rises or not within(axis, 0.0):
            raise BadInput(
                f"surface {name!r}: {axis_name} must rise and enclose 0, where the model lies, or nothing "
                "can be shown around it"
            )
    if not surface.values:
        raise BadInput(f"surface {name!r}: it holds no loss, so there is nothing to show")
    for loss, grid in surface.values.items():
        if grid.shape != (len(surface.betas), len(surface.alphas)):
            raise BadInput(
                f"surface {name!r}: {loss} is {grid.shape}, but rows are betas and columns alphas, which "
                f"makes {(len(surface.betas), len(surface.alphas))}"
            )
        if not np.isfinite(surface.near(loss, 0.0, 0.0)):
            raise BadInput(
                f"surface {name!r}: {loss} is {surface.near(loss, 0.0, 0.0)} at the model itself, so no "
                "height can be compared with it; look for weights that are not numbers"
            )


def _require_alike(surfaces: Mapping[str, Surface]) -> None:
    """Raise unless all have the same losses, in the same order: they stand side by side in every view."""
    first, *others = surfaces
    wanted = list(surfaces[first].values)
    for name in others:
        if list(surfaces[name].values) != wanted:
            raise BadInput(
                f"surface: {first!r} has the losses {', '.join(wanted)}, but {name!r} has "
                f"{', '.join(surfaces[name].values)}; compute all with one dict of losses"
            )
