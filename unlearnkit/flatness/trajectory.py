"""Checkpoints of a run or an attack, seen from a plane: where they lie beneath, how far off, what they lose.

A projected checkpoint is not the checkpoint: the surface beneath it has another loss than it has itself, and
the further off the plane it is, the less the surface says about it. So its own losses and its distance
always go with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import BadInput
from unlearnkit.flatness.directions import Direction, Plane, difference, dot, require_one_architecture
from unlearnkit.flatness.tables import html_table
from unlearnkit.token_mean_loss import TokenMeanLoss

Models = Sequence[torch.nn.Module] | Mapping[str, torch.nn.Module]


@dataclass(frozen=True)
class Trajectory:
    """Models in order, projected onto a plane.

    Attributes
    ----------
    alphas, betas : tuple of float, one a model
        Its orthogonal projection onto the plane, in the plane's own units.
    off : tuple of float
        The L2 distance from the plane, over all weights.
    values : dict of str to tuple of float
        The models' own losses, in nats a token: not those of the surface beneath.
    labels : tuple of str
        What each is called: "0", "1", … unless they were named.
    """

    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    off: tuple[float, ...]
    values: dict[str, tuple[float, ...]]
    labels: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "alphas": list(self.alphas),
            "betas": list(self.betas),
            "off": list(self.off),
            "values": {name: list(own) for name, own in self.values.items()},
            "labels": list(self.labels),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Trajectory:
        """Read what `to_dict` wrote."""
        return cls(
            alphas=tuple(content["alphas"]),
            betas=tuple(content["betas"]),
            off=tuple(content["off"]),
            values={name: tuple(own) for name, own in content["values"].items()},
            labels=tuple(content["labels"]),
        )

    def _repr_html_(self) -> str:
        rows = [
            (label, f"{alpha:.4g}", f"{beta:.4g}", f"{off:.4g}", *(f"{own:.4g}" for own in losses))
            for label, alpha, beta, off, *losses in zip(
                self.labels, self.alphas, self.betas, self.off, *self.values.values(), strict=True
            )
        ]
        head = ("model", "alpha", "beta", "off the plane", *self.values)
        return html_table("trajectory, losses in nats a token", head, rows)


def require_models(loss: TokenMeanLoss, trajectories: Any) -> dict[str, dict[str, torch.nn.Module]]:
    """The models of each trajectory by label, or BadInput; nothing is computed yet."""
    if trajectories is None:
        return {}
    if not isinstance(trajectories, Mapping) or not all(isinstance(name, str) for name in trajectories):
        raise BadInput(
            "trajectories must be a dict of names (str) to lists of models, such as "
            f'{{"attack": [model, …]}}, but {trajectories!r:.60} was given'
        )
    return {name: _labelled(loss, name, given) for name, given in trajectories.items()}


def _labelled(loss: TokenMeanLoss, name: str, given: Any) -> dict[str, torch.nn.Module]:
    where = f"trajectories[{name!r}]"
    if isinstance(given, list | tuple):
        given = {str(place): model for place, model in enumerate(given)}
    if not isinstance(given, Mapping) or not all(isinstance(label, str) for label in given):
        raise BadInput(
            f"{where} must be a list of models, or a dict of labels (str) to models, but a "
            f"{type(given).__name__} was given; write list(…) around a generator"
        )
    if not given:
        raise BadInput(f"{where} has no model, so there is no way to draw; leave the name out")
    for label, model in given.items():
        if not isinstance(model, torch.nn.Module):
            raise BadInput(
                f"{where}: {label} must be a causal language model, but a {type(model).__name__} was given"
            )
        require_one_architecture(loss, model, argument=f"{where}: {label}")
    return dict(given)


@torch.no_grad()
def projected(
    losses: Mapping[str, TokenMeanLoss], plane: Plane, models: Mapping[str, torch.nn.Module]
) -> Trajectory:
    """Project models, by label, onto a plane through the losses' model, and take their own losses.

    The projection is orthogonal, also where the plane's two directions are not: it solves
    [[u.u, u.v], [u.v, v.v]] (alpha, beta) = (u.d, v.d), d the way from the losses' model to the other. A loss
    that is not a number counts as infinite.

    Raises
    ------
    BadInput
        For a model whose weights are not numbers: it has no place in the plane.
    """
    first = next(iter(losses.values()))
    places = [_place(plane, difference(first, model), label) for label, model in models.items()]
    alphas, betas, off = zip(*places, strict=True)
    values = {name: tuple(_own(loss, model) for model in models.values()) for name, loss in losses.items()}
    return Trajectory(alphas, betas, off, values, tuple(models))


def _place(plane: Plane, way: Direction, label: str) -> tuple[float, float, float]:
    """Alpha and beta of the nearest point of the plane, and how far it is off."""
    u, v = plane.first, plane.second
    gram = torch.tensor([[dot(u, u), dot(u, v)], [dot(u, v), dot(v, v)]], dtype=torch.float64)
    along = torch.tensor([dot(u, way), dot(v, way)], dtype=torch.float64)
    if not along.isfinite().all():
        raise BadInput(
            f"trajectories: the model {label} has weights that are not finite, so it has no place in the "
            "plane; leave it out"
        )
    alpha, beta = torch.linalg.solve(gram, along).tolist()
    rest = [d.double() - alpha * a.double() - beta * b.double() for d, a, b in zip(way, u, v, strict=True)]
    return alpha, beta, math.sqrt(dot(rest, rest))


def _own(loss: TokenMeanLoss, model: torch.nn.Module) -> float:
    value = float(loss.with_model(model)())
    return math.inf if math.isnan(value) else value
