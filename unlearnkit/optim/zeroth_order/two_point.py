"""The two-point central difference: a gradient from losses alone.

    g = (1/q) sum_i [f(theta + mu u_i) - f(theta - mu u_i)] / (2 mu) u_i

With E[u uT] = I it is unbiased for the gradient of the smoothed loss (exactly so for Gaussian
directions, Nesterov and Spokoiny 2017; for the others up to O(mu^2)). Of one gradient it carries a
cosine of about sqrt(q/d): it is mostly noise, which is the point of arXiv 2510.00761.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.optim.zeroth_order.estimate import Estimate, Looks


@torch.no_grad()
def central(
    closure: Callable[[], Any] | None, weights: Sequence[torch.Tensor], *, radius: float, **look: Any
) -> Estimate:
    """The estimate of `two_point`, whose gradient is not held but replayed; `look` is that of `Looks`."""
    with Looks(closure, weights, **look) as looks:
        total = 0.0
        for query in range(looks.queries):
            u = looks.direction(query)
            # Dropout, where there is any, must drop the same units on both sides.
            ends = looks.at(u, radius, query), looks.at(u, -radius, query)
            total += ends[0] + ends[1]
            looks.add(u, ends, 2 * radius)
    looks.estimate.loss = total / (2 * looks.queries)
    return looks.estimate


def two_point(
    closure: Callable[[], Any] | None,
    weights: Sequence[torch.Tensor],
    *,
    directions: Directions,
    queries: int,
    radius: float,
    step: int,
    name: str,
    restore: str = "copy",
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Estimate the gradient of a closure's loss at the weights, which are left as they were.

    To the bit, also when the closure raises or is interrupted.

    Parameters
    ----------
    closure : callable
        () to the loss; calls no backward.
    weights : sequence of Tensor
    directions : Directions
    queries : int
        How many directions; each takes two passes.
    radius : float
        How far each weight is moved, in root mean square.
    step : int
        Decides, with the seed of the directions, what is drawn.
    name : str
        Of whoever asks, for errors.
    restore : {"copy", "layerwise"}
        See `unlearnkit.optim.zeroth_order.restore`.

    Returns
    -------
    loss : Tensor, scalar
        The mean of the 2 q losses: that of the smoothed loss, not of the weights themselves.
    gradient : list of Tensor, in the shapes of the weights

    Raises
    ------
    WrongClosure
        When there is no closure, or one that calls backward, with gradients on by its own doing, too.

    Examples
    --------
    >>> import torch
    >>> weight = torch.tensor([3.0])
    >>> _, (g,) = two_point(lambda: weight.square().sum(), [weight], directions=Directions(), queries=1,
    ...                     radius=0.1, step=0, name="example")
    >>> f"{g.item():.4f}"
    '6.0000'
    """
    found = central(
        closure, weights, directions=directions, queries=queries, radius=radius, step=step, name=name,
        restore=restore, keep=True,
    )  # fmt: skip
    return torch.tensor(found.loss, dtype=torch.float64), [found.of(i) for i in range(len(weights))]
