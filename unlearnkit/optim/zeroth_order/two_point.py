"""The two-point central difference: a gradient from losses alone.

    g = (1/q) sum_i [f(theta + mu u_i) - f(theta - mu u_i)] / (2 mu) u_i

With E[u uT] = I it is unbiased for the gradient of the smoothed loss (exactly so for Gaussian
directions, Nesterov and Spokoiny 2017; for the others up to O(mu^2)). Of one gradient it carries a
cosine of about sqrt(q/d): it is mostly noise, which is the point of arXiv 2510.00761.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from unlearnkit.optim.closures import calls_backward, loss_of
from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.randomness import global_stream


@torch.no_grad()
def two_point(
    closure: Callable[[], Any] | None,
    weights: Sequence[torch.Tensor],
    *,
    directions: Directions,
    queries: int,
    radius: float,
    step: int,
    name: str,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Estimate the gradient of a closure's loss at the weights, which are left as they were.

    Adding and subtracting in place would leave half of all float32 weights changed in the last
    bit, so both points are written from one kept copy, and the copy is written back: to the bit,
    also when the closure raises or is interrupted.

    Returns
    -------
    loss : Tensor, scalar
        The mean of the 2 q losses: that of the smoothed loss, not of the weights themselves.
    gradient : list of Tensor, in the shapes of the weights

    Raises
    ------
    WrongClosure
        When there is no closure, or one that calls backward, with gradients on by its own doing, too.
    """
    grads = [weight.grad for weight in weights]
    kept = [weight.detach().clone() for weight in weights]
    gradient = [torch.zeros_like(weight) for weight in weights]
    total = torch.zeros((), dtype=torch.float64)
    try:
        for query in range(queries):
            u = directions.draw(weights, "direction", step, query)
            ends = []
            for side in (radius, -radius):
                _move_to(weights, kept, u, side)
                # Dropout, where there is any, must drop the same units on both sides.
                with global_stream(directions.seed, "dropout", step, query):
                    ends.append(loss_of(closure, name).double().cpu())
                _refuse_gradients(weights, grads, name)
            total += ends[0] + ends[1]
            slope = float(ends[0] - ends[1]) / (2 * radius * queries)
            torch._foreach_add_(gradient, u, alpha=slope if math.isfinite(slope) else math.nan)
    finally:
        for weight, copy in zip(weights, kept, strict=True):
            weight.copy_(copy)
    return total / (2 * queries), gradient


def _refuse_gradients(
    weights: Sequence[torch.Tensor], before: Sequence[torch.Tensor | None], name: str
) -> None:
    """Raise when the closure left a gradient where there was none, and take it away again."""
    if all(weight.grad is grad for weight, grad in zip(weights, before, strict=True)):
        return
    for weight, grad in zip(weights, before, strict=True):
        weight.grad = grad
    raise calls_backward(name)


def _move_to(
    weights: Sequence[torch.Tensor], kept: Sequence[torch.Tensor], u: Sequence[torch.Tensor], side: float
) -> None:
    for weight, copy, direction in zip(weights, kept, u, strict=True):
        torch.add(copy, direction, alpha=side, out=weight)
