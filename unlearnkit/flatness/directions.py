"""Directions to look along: random ones scaled to the weights, eigenvectors, or the ways to other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from unlearnkit.displaced import unflatten
from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.flatness.eigenvalues import top_eigenvalues
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

NAMED = ("random", "eigen")
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
    if isinstance(directions, Plane):
        return _of(loss, directions)
    if isinstance(directions, str):
        require_one_of("directions", directions, NAMED)
        return _random(loss, normalise, seed) if directions == "random" else _eigen(loss, seed)
    if not isinstance(directions, list | tuple) or len(directions) != 2:
        raise BadInput(
            'directions must be "random", "eigen", a Plane, two flat vectors or two models, but '
            f"{directions!r:.60} was given"
        )
    if all(isinstance(given, torch.nn.Module) for given in directions):
        return _through_models(loss, directions)
    first, second = (_vector(loss, given) for given in directions)
    _require_a_plane(first, second)
    return Plane(first, second, "two given vectors")


def _require_a_plane(first: Direction, second: Direction) -> None:
    if not span_a_plane(first, second):
        raise BadInput("directions: the two vectors are parallel or one of them is 0, which makes no plane")


def _of(loss: TokenMeanLoss, given: Plane) -> Plane:
    """A plane that was made before, if it is one over this loss's weights."""
    shapes = [tuple(weight.shape) for weight in loss.weights]
    for direction in (given.first, given.second):
        if [tuple(part.shape) for part in direction] != shapes:
            raise BadInput(
                "directions: the plane was made over other weights than those of this loss; make it anew "
                "with a loss of this model"
            )
        if not all(part.isfinite().all() for part in direction):
            raise BadInput(
                "directions: the plane has numbers that are not finite, and every cell would be lost"
            )
    _require_a_plane(given.first, given.second)
    first, second = (
        [part.to(weight) for part, weight in zip(direction, loss.weights, strict=True)]
        for direction in (given.first, given.second)
    )
    return replace(given, first=first, second=second)


def _random(loss: TokenMeanLoss, normalise: str, seed: int) -> Plane:
    first, second = (random_direction(loss, normalise=normalise, seed=seed, which=i) for i in (0, 1))
    if not dot(first, first):
        raise BadInput(
            "directions: no matrix of the model requires gradients and is unlike 0, and random directions "
            "leave gains and biases where they are, so nothing would move; give two vectors"
        )
    return Plane(first, second, f"random, {normalise}-normalised, seed {seed}")


def _eigen(loss: TokenMeanLoss, seed: int) -> Plane:
    found = top_eigenvalues(loss, k=2, which="LM", seed=seed)
    first, second = (unflatten(vector, loss.weights) for vector in found.vectors)
    values = tuple(found.values.tolist())
    return Plane(first, second, "the Hessian's two outermost eigenvectors", curvatures=values)


def random_direction(
    loss: TokenMeanLoss, *, normalise: str = "filter", seed: int = 0, which: int = 0
) -> Direction:
    """A normal direction scaled to the weights (Li et al. 2018, 1712.09913, section 4).

    Draws depend on the weights' shapes and the seed only, so that two models of one architecture get the same
    ones.

    Parameters
    ----------
    loss : TokenMeanLoss
    normalise : {"filter", "layer", "weight"}
        "filter": the weights into each output unit together, to their L2 length; an output unit is a row of a
        Linear or an Embedding, a column of GPT-2's Conv1D. "layer": each matrix as a whole, to its length.
        "weight": each weight by its own magnitude. Gains and biases stay where they are.
    seed : int
    which : int
        The first direction (0), the second (1), …

    Returns
    -------
    list of Tensor
        One a weight of the loss, of its shape.

    Raises
    ------
    BadInput
        For an unknown normalisation.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> direction = random_direction(loss)
    >>> rows = direction[0].norm(dim=1), loss.weights[0].norm(dim=1)
    >>> torch.allclose(*rows)
    True
    """
    require_one_of("normalise", normalise, NORMALISED)
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


def as_long(way: Direction, source: torch.Generator) -> Direction:
    """A random direction whose every tensor has the length of the way's, which may be 0."""
    drawn = [torch.randn(part.shape, generator=source).to(part) for part in way]
    return [u * (part.norm() / u.norm()) for u, part in zip(drawn, way, strict=True)]


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
        return drawn * float(weight.norm() / drawn.norm())
    rest = [dim for dim in range(weight.dim()) if dim != (1 if transposed else 0)]
    lengths = [torch.linalg.vector_norm(tensor, dim=rest, keepdim=True) for tensor in (weight, drawn)]
    scale: torch.Tensor = lengths[0] / lengths[1].clamp_min(torch.finfo(drawn.dtype).tiny)
    return drawn * scale


def _through_models(loss: TokenMeanLoss, models: Sequence[Any]) -> Plane:
    """The plane through the loss's model, at (0, 0), and two others: the first at (1, 0).

    The second direction is orthogonal to the first (Garipov et al. 2018, 1802.10026, appendix A.1), both as
    long as they are: the second model lies at (its projection, 1).
    """
    first, way = (difference(loss, model) for model in models)
    square = dot(first, first)
    if not square:
        raise BadInput(
            "directions: the first model has the very weights of the loss's model; give another one"
        )
    if not span_a_plane(first, way):
        raise BadInput("directions: the three models lie on one line, which is no plane; use connectivity()")
    along = dot(way, first) / square
    second = [b - along * a for a, b in zip(first, way, strict=True)]
    marks = {"model": (0.0, 0.0), "first": (1.0, 0.0), "second": (along, 1.0)}
    return Plane(first, second, "through three models", marks)


def span_a_plane(first: Direction, second: Direction) -> bool:
    """Tell whether the sine of their angle is above 1e-5: about what float32 can tell."""
    squares = dot(first, first) * dot(second, second)
    return squares - dot(first, second) ** 2 > 1e-10 * squares


@torch.no_grad()
def difference(loss: TokenMeanLoss, model: Any, *, argument: str = "directions") -> Direction:
    """From the loss's model to another one, over the loss's weights.

    Raises
    ------
    BadInput
        Unless `require_one_architecture` is content with the pair.
    """
    require_one_architecture(loss, model, argument=argument)
    theirs = dict(model.named_parameters())
    return [
        theirs[name].to(weight) - weight
        for name, weight in loss.model.named_parameters()
        if weight.requires_grad
    ]


@torch.no_grad()
def require_one_architecture(loss: TokenMeanLoss, model: Any, *, argument: str = "directions") -> None:
    """Raise BadInput unless a model has the loss's parameters, and equal ones where the loss's are frozen."""
    theirs = dict(model.named_parameters())
    for name, weight in loss.model.named_parameters():
        other = theirs.get(name)
        if other is None or other.shape != weight.shape:
            has = "no such parameter" if other is None else f"one of {tuple(other.shape)}"
            raise BadInput(
                f"{argument}: {name} is {tuple(weight.shape)} here, and the other model has {has}; both must "
                "be of one architecture"
            )
        if not weight.requires_grad and not torch.equal(other.to(weight), weight):
            raise BadInput(
                f"{argument}: {name} is frozen here and differs in the other model, which the plane would "
                "miss; let it require gradients"
            )


def _vector(loss: TokenMeanLoss, given: Any) -> Direction:
    size = sum(weight.numel() for weight in loss.weights)
    if not isinstance(given, torch.Tensor) or given.shape != (size,):
        what = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
        raise BadInput(
            f"directions: each vector must be a flat tensor of {size} numbers, one a weight, but {what} was "
            "given"
        )
    if not given.isfinite().all():
        raise BadInput("directions: a vector holds numbers that are not finite, and every cell would be lost")
    return unflatten(given.detach().to(loss.weights[0]), loss.weights)


def dot(a: Direction, b: Direction) -> float:
    """The inner product of two directions, over all weights."""
    return float(sum((x.double() * y.double()).sum() for x, y in zip(a, b, strict=True)))
