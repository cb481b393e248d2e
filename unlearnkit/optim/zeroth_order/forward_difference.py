"""The forward difference: half the passes of two points, and a bias of the order of the radius.

    g = (1/q) sum_i [f(theta + mu u_i) - f(theta)] / mu u_i

All q queries share the loss at the centre. A symmetric law averages the bias of one direction,
(mu/2) uT H u u, away; in any one estimate it stays, and so does its noise. What is left on average is that
of the central difference, O(mu^2). (ZO-AdaMM and ZO-signSGD are written with it.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.optim.zeroth_order.estimate import Estimate, Looks


@torch.no_grad()
def forward(
    closure: Callable[[], Any] | None, weights: Sequence[torch.Tensor], *, radius: float, **look: Any
) -> Estimate:
    """The estimate of `forward_difference`, whose gradient is replayed; `look` is that of `Looks`."""
    with Looks(closure, weights, **look) as looks:
        # One centre for all queries: dropout drops the same units in all passes of a step.
        centre = looks.here("centre")
        for query in range(looks.queries):
            u = looks.direction(query)
            looks.add(u, (looks.at(u, radius, "centre"), centre), radius)
    looks.estimate.loss = centre
    return looks.estimate


def forward_difference(
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

    Parameters
    ----------
    closure, weights, directions, queries, radius, step, name, restore : as `two_point`'s
        It takes q + 1 passes.

    Returns
    -------
    loss : Tensor, scalar
        At the weights themselves.
    gradient : list of Tensor, in the shapes of the weights

    Raises
    ------
    WrongClosure
        As `two_point`.

    Examples
    --------
    >>> import torch
    >>> weight = torch.tensor([3.0], dtype=torch.float64)
    >>> loss, (g,) = forward_difference(lambda: weight.square().sum(), [weight], directions=Directions(),
    ...                                 queries=1, radius=0.1, step=0, name="example")
    >>> loss.item(), f"{abs(g.item() - 6):.3f}"     # off by the radius
    (9.0, '0.100')
    """
    found = forward(
        closure, weights, directions=directions, queries=queries, radius=radius, step=step, name=name,
        restore=restore, keep=True,
    )  # fmt: skip
    return torch.tensor(found.loss, dtype=torch.float64), [found.of(i) for i in range(len(weights))]
