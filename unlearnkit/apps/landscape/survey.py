"""Surfaces along several directions, and eigenvalues, in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.flatness import Eigenvalues, Surface, principal_plane, surface, top_eigenvalues
from unlearnkit.flatness.directions import Plane
from unlearnkit.token_mean_loss import TokenMeanLoss

NAMED = ("random", "eigen", "principal")


def survey(
    losses: TokenMeanLoss | Mapping[str, TokenMeanLoss],
    *,
    models: Any = None,
    directions: Any = ("random", "eigen"),
    points: int = 21,
    span: float = 1.0,
    trajectories: Any = None,
    k: int = 5,
    seed: int = 0,
) -> tuple[dict[str, Surface], dict[str, Eigenvalues]]:
    """Surfaces by the name of their directions, and eigenvalues by that of their loss; see the explorer."""
    require_integer("k", k, minimum=0)
    named = {"loss": losses} if isinstance(losses, TokenMeanLoss) else losses
    surfaces = {
        name: surface(
            losses, directions=way, points=points, span=span, trajectories=trajectories, seed=seed,
            progress=True,
        )
        for name, way in _planes(named, models, directions, trajectories).items()
    }  # fmt: skip
    found = {name: top_eigenvalues(loss, k, seed=seed, progress=True) for name, loss in named.items() if k}
    return surfaces, found


def _planes(named: Any, models: Any, directions: Any, trajectories: Any) -> dict[str, Any]:
    """What `surface` takes as directions, by name."""
    if isinstance(directions, str) or not isinstance(directions, Sequence):
        raise BadInput(
            f"directions must be a list of names, not {directions!r:.60}; known: {', '.join(NAMED)}"
        )
    for name in directions:
        require_one_of("directions", name, NAMED)
    planes: dict[str, Any] = {name: name for name in directions}
    if models is not None:
        whole = isinstance(models, list | tuple) and len(models) == 2
        if not whole or not all(isinstance(model, torch.nn.Module) for model in models):
            raise BadInput("models must be two models, which with the losses' own make a plane, or None")
        planes["models"] = list(models)
    if not planes:
        raise BadInput("directions: none was named and no models were given, so there is nothing to compute")
    if "principal" in planes:
        planes["principal"] = _principal(named, trajectories)
    return planes


def _principal(named: Any, trajectories: Any) -> Plane:
    """The plane nearest to every model of every trajectory."""
    if (
        not isinstance(trajectories, Mapping)
        or not trajectories
        or not isinstance(named, Mapping)
        or not named
    ):
        raise BadInput(
            'directions: "principal" is the plane nearest to trajectories, but none were given; give them, '
            "or leave it out"
        )
    ways = (way.values() if isinstance(way, Mapping) else way for way in trajectories.values())
    return principal_plane(next(iter(named.values())), [model for way in ways for model in way])
