"""The plane that misses a list of checkpoints least."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from unlearnkit.errors import BadInput
from unlearnkit.flatness.directions import Direction, Plane, difference, dot, require_one_architecture
from unlearnkit.flatness.memory import require_room
from unlearnkit.token_mean_loss import TokenMeanLoss

LEAST = 1e-10  # of the first component's squares: below it, the second is what float32 rounds


@torch.no_grad()
def principal_plane(loss: TokenMeanLoss, models: Sequence[torch.nn.Module]) -> Plane:
    """The plane through the loss's model from which other models are least far off, in squares.

    Principal components of the ways d_i from the loss's model to the others (Li et al. 2018, 1712.09913,
    section 7), not centred, since the plane goes through the loss's model. Its share explained is that of
    sum ||d_i||^2; what is left lies off the plane, where no surface shows it. Even a random walk has a first
    component that explains most of it (Antognini, Sohl-Dickstein 2018, 1806.08805), so a high share says
    little.

    Parameters
    ----------
    loss : TokenMeanLoss
        Its model is (0, 0); its data are not looked at.
    models : list of models
        Checkpoints of the loss's architecture, two at least; the order does not matter.

    Returns
    -------
    Plane
        For `surface(…, directions=…)`. Its directions are orthogonal, and as long as the way to the farthest
        model, so that all models lie within -1 to 1; each points to the model that has the most of it. The
        shares that both explain, and that unit (L2), are in its words.

    Raises
    ------
    BadInput
        For fewer than two models, one of another architecture, weights that are not numbers, or models that
        all lie on one line with the loss's.

    Examples
    --------
    >>> import copy, torch
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> later = copy.deepcopy(lab.model)
    >>> with torch.no_grad():
    ...     _ = later.model.norm.weight.mul_(1.1)
    >>> principal_plane(loss, [later, lab.never_learned]).words
    'principal plane of 2 models, 100.0% + 0.0% explained, unit ...'
    """
    ways = _ways(loss, models)
    products = torch.tensor([[dot(a, b) for b in ways] for a in ways], dtype=torch.float64)
    if not products.isfinite().all():
        raise BadInput("models: one of them has weights that are not finite, so no plane goes near it")
    squares, shares = torch.linalg.eigh(products)
    unit = math.sqrt(float(products.diag().max()))
    first, second = (_component(ways, shares[:, -rank], unit) for rank in (1, 2))
    if not unit or not squares[-2] > LEAST * squares[-1]:
        raise BadInput(
            "models: they all lie on one line with the loss's model, which is no plane; use connectivity()"
        )
    return Plane(first, second, _words(len(ways), squares, unit))


def _ways(loss: TokenMeanLoss, models: Any) -> list[Direction]:
    if not isinstance(loss, TokenMeanLoss):
        raise BadInput(f"loss must be a TokenMeanLoss(model, batches), but a {type(loss).__name__} was given")
    if not loss.weights:
        raise BadInput("loss: no parameter of the model requires gradients, so there is no way to move")
    if not isinstance(models, list | tuple) or len(models) < 2:
        given = f"{len(models)} of them" if isinstance(models, list | tuple) else f"a {type(models).__name__}"
        raise BadInput(f"models must be a list of two models at least, but {given} was given")
    for place, model in enumerate(models):
        if not isinstance(model, torch.nn.Module):
            raise BadInput(
                f"models[{place}] must be a causal language model, but a {type(model).__name__} was given"
            )
        require_one_architecture(loss, model, argument=f"models[{place}]")
    needed = (len(models) + 4) * sum(weight.nbytes for weight in loss.weights)
    require_room(f"the ways to {len(models)} models", needed, loss.device, way_out="give fewer of them")
    return [difference(loss, model, argument=f"models[{place}]") for place, model in enumerate(models)]


def _component(ways: list[Direction], shares: torch.Tensor, unit: float) -> Direction:
    """The sum of ways by their shares, as long as the unit, pointing to the model with the largest share."""
    pointing = shares * shares[shares.abs().argmax()].sign()
    summed = [torch.zeros_like(part, dtype=torch.float64) for part in ways[0]]
    for share, way in zip(pointing.tolist(), ways, strict=True):
        for total, part in zip(summed, way, strict=True):
            total.add_(part.double(), alpha=share)
    length = math.sqrt(dot(summed, summed)) or 1.0
    return [total.mul_(unit / length).to(part.dtype) for total, part in zip(summed, ways[0], strict=True)]


def _words(count: int, squares: torch.Tensor, unit: float) -> str:
    one, two = (float(squares[-rank] / squares.sum()) for rank in (1, 2))
    return f"principal plane of {count} models, {one:.1%} + {two:.1%} explained, unit {unit:.3g}"
