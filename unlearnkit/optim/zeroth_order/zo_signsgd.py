"""ZO-signSGD: a step of one size against the sign of the estimate.

Liu, Chen, Chen and Hong, "signSGD via Zeroth-Order Oracle" (ICLR 2019), algorithm 1: the sign of the mean
over the queries, not the mean of their signs (which is the paper's majority vote). The paper's estimate is
the forward difference on the sphere with the factor d (`difference="forward"`); the default here is
central, as for all rules of this room.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from unlearnkit.optim.zeroth_order.zeroth_order import ZerothOrder


class ZOSignSGD(ZerothOrder):
    """Zeroth order, one bit a weight: the scale of the loss and of the estimate does not matter.

        theta <- theta - lr sign(g)

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The change of every weight in a step.
    queries, radius, directions, restore, difference, keep_directions, seed : as `ZerothOrder`'s
    rank, density : optional, as `ZerothOrder`'s

    Raises
    ------
    WrongClosure
        When `step` gets no closure, or one that calls backward.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> sign = ZOSignSGD([w], lr=0.1)
    >>> for _ in range(60): loss = sign.step(lambda: w.square().sum())
    >>> bool(w.abs().max() < 0.5)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        queries: int = 4,
        radius: float = 1e-3,
        directions: str = "sphere",
        restore: str = "copy",
        difference: str = "central",
        rank: int | None = None,
        density: float | None = None,
        keep_directions: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(
            params, {"lr": lr},
            queries=queries, radius=radius, directions=directions, restore=restore, difference=difference,
            rank=rank, density=density, keep_directions=keep_directions, seed=seed,
        )  # fmt: skip

    def move(
        self, weight: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """A step of one size."""
        weight.add_(g.sign(), alpha=-group["lr"])
