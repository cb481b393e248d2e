"""ZO-AdaMM: Adam's moments on a zeroth-order estimate, with AMSGrad's maximum.

Chen et al., "ZO-AdaMM: Zeroth-Order Adaptive Momentum Method for Black-Box Optimization" (1910.06513),
algorithm 1, without constraints, so without its projection:

    m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2,    w <- max(w, v)
    theta <- theta - lr m / sqrt(w)

Kept: no bias correction, and the maximum. Added: eps beside the root, since w is 0 where nothing was
ever seen. The paper's estimate is the forward difference on the sphere with the factor d
(`difference="forward"`); the default here is central, as for all rules of this room.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from unlearnkit.optim.zeroth_order.refined_moments import check_moments
from unlearnkit.optim.zeroth_order.zeroth_order import ZerothOrder


class ZOAdaMM(ZerothOrder):
    """Zeroth order with Adam's moments; the steps never grow again once the estimate was large.

        m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) g^2,    w <- max(w, v)
        theta <- theta - lr m / (sqrt(w) + eps)

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The first step is lr (1 - b1) / sqrt(1 - b2): lr itself with these betas.
    queries, radius, directions, restore, difference, keep_directions, seed : as `ZerothOrder`'s
    rank, density : optional, as `ZerothOrder`'s
    betas, eps : of the moments

    Raises
    ------
    WrongClosure
        When `step` gets no closure, or one that calls backward.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> adamm = ZOAdaMM([w], lr=0.2)
    >>> for _ in range(80): loss = adamm.step(lambda: w.square().sum())
    >>> bool(w.abs().max() < 0.5)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        queries: int = 4,
        radius: float = 1e-3,
        directions: str = "sphere",
        restore: str = "copy",
        difference: str = "central",
        rank: int | None = None,
        density: float | None = None,
        keep_directions: bool = False,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        seed: int = 0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps},
            queries=queries, radius=radius, directions=directions, restore=restore, difference=difference,
            rank=rank, density=density, keep_directions=keep_directions, seed=seed,
        )  # fmt: skip

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a beta or an eps out of range."""
        super().check(options)
        check_moments(options)

    def move(
        self, weight: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """ZO-AdaMM's rule."""
        if not state:
            state.update({name: torch.zeros_like(weight) for name in ("m", "v", "largest")})
        b1, b2 = group["betas"]
        m, v = state["m"].lerp_(g, 1 - b1), state["v"].mul_(b2).addcmul_(g, g, value=1 - b2)
        largest = torch.maximum(state["largest"], v, out=state["largest"])
        weight.addcdiv_(m, largest.sqrt().add_(group["eps"]), value=-group["lr"])
