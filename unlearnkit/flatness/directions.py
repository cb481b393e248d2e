"""Directions to look along: random ones scaled to the weights, eigenvectors, or the ways to other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from unlearnkit.displaced import unflatten
from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.flatness.eigenvalues import top_eigenvalues
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

NORMALISED = ("filter", "layer", "weight")
Direction = list[torch.Tensor]


@dataclass(frozen=True)
class Plane:
    """Two directions over a loss's weights, and what is known about them.

    Attributes
    ----------
    first, second : list of Tensor, one a weight
    words : str
        How they were chosen.
    marks : dict
        Names to (alpha, beta): where models lie in the plane.
    curvatures : tuple of float
        Of eigenvector directions.
    """

    first: Direction
    second: Direction
    words: str
    marks: dict[str, tuple[float, float]] = field(default_factory=dict)
    curvatures: tuple[float, ...] = ()


def plane(loss: TokenMeanLoss, directions: Any, *, normalise: str = "filter", seed: int = 0) -> Plane:
    """Make the plane that `surface` was asked for; see there."""
    if directions == "random":
        require_one_of("normalise", normalise, NORMALISED)
        first, second = (random_direction(loss, normalise=normalise, seed=seed, which=i) for i in (0, 1))
        return Plane(first, second, f"random, {normalise}-normalised, seed {seed}")
    if directions == "eigen":
        found = top_eigenvalues(loss, k=2, which="LM", seed=seed)
        first, second = (unflatten(vector, loss.weights) for vector in found.vectors)
        values = tuple(found.values.tolist())
        return Plane(first, second, "the Hessian's two outermost eigenvectors", curvatures=values)
    if not isinstance(directions, list | tuple) or len(directions) != 2:
        raise BadInput(
            'directions must be "random", "eigen", two flat vectors or two models, but '
            f"{directions!r:.60} was given"
        )
    if all(isinstance(given, torch.nn.Module) for given in directions):
        return _through_models(loss, directions)
    return Plane(*(_vector(loss, given) for given in directions), words="two given vectors")


def random_direction(
    loss: TokenMeanLoss, *, normalise: str = "filter", seed: int = 0, which: int = 0
) -> Direction:
    """A normal direction scaled to the weights (Li et al. 2018, 1712.09913, section 4).

    "filter": the weights into each output unit together, a row of a Linear or an Embedding, a column of
    GPT-2's Conv1D. "layer": each matrix as a whole. "weight": each weight by its own magnitude. Gains and biases
    stay where they are. Draws depend on the shapes and the seed only, so that two models get the same ones.
    """
    source = generator(seed, "direction", which)
    transposed = _stored_in_by_out(loss.model)
    return [
        _scaled(
            torch.randn(weight.shape, generator=source).to(weight),
            weight,
            normalise,
            id(weight) in transposed,
        )
        for weight in loss.weights
    ]


def _stored_in_by_out(model: Any) -> set[int]:
    """The weights of GPT-2's Conv1D, whose output units are columns."""
    return {id(module.weight) for module in model.modules() if type(module).__name__ == "Conv1D"}


@torch.no_grad()
def _scaled(drawn: torch.Tensor, weight: torch.Tensor, normalise: str, transposed: bool) -> torch.Tensor:
    if weight.dim() < 2:
        return torch.zeros_like(drawn)
    if normalise == "weight":
        return drawn * weight.abs()
    if normalise == "layer":
        return drawn * (weight.norm() / drawn.norm())
    rest = [dim for dim in range(weight.dim()) if dim != (1 if transposed else 0)]
    lengths = [torch.linalg.vector_norm(tensor, dim=rest, keepdim=True) for tensor in (weight, drawn)]
    return drawn * (lengths[0] / lengths[1].clamp_min(torch.finfo(drawn.dtype).tiny))


def _through_models(loss: TokenMeanLoss, models: Sequence[Any]) -> Plane:
    """The plane through the loss's model, at (0, 0), and two others: the first at (1, 0)."""
    first, way = (difference(loss, model) for model in models)
    square = _dot(first, first)
    if not square:
        raise BadInput(
            "directions: the first model has the very weights of the loss's model; give another one"
        )
    along = _dot(way, first) / square
    second = [b - along * a for a, b in zip(first, way, strict=True)]
    if not _dot(second, second) > 1e-10 * max(_dot(way, way), square):
        raise BadInput("directions: the three models lie on one line, which is no plane; use connectivity()")
    return Plane(
        first,
        second,
        "through three models",
        {"model": (0.0, 0.0), "first": (1.0, 0.0), "second": (along, 1.0)},
    )


@torch.no_grad()
def difference(loss: TokenMeanLoss, model: Any) -> Direction:
    """From the loss's model to another one, over the loss's weights."""
    names = [name for name, weight in loss.model.named_parameters() if weight.requires_grad]
    theirs = dict(model.named_parameters())
    missing = [name for name in names if name not in theirs]
    if missing:
        raise BadInput(f"directions: the other model has no {missing[0]}; both must be of one architecture")
    ways = []
    for name, weight in zip(names, loss.weights, strict=True):
        if theirs[name].shape != weight.shape:
            raise BadInput(
                f"directions: {name} is {tuple(theirs[name].shape)} in the other model, {tuple(weight.shape)} here"
            )
        ways.append(theirs[name].to(weight) - weight)
    return ways


def _vector(loss: TokenMeanLoss, given: Any) -> Direction:
    size = sum(weight.numel() for weight in loss.weights)
    if not isinstance(given, torch.Tensor) or given.shape != (size,):
        raise BadInput(f"directions: each vector must be a flat tensor of {size} numbers, one a weight")
    return unflatten(given.to(loss.weights[0]), loss.weights)


def _dot(a: Direction, b: Direction) -> float:
    return float(sum((x.double() * y.double()).sum() for x, y in zip(a, b, strict=True)))
