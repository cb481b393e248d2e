"""ZO-SGD: a step against the estimate itself.

The estimator is SPSA's (Spall 1992, IEEE TAC 37(3)) with normal directions, as in MeZO (Malladi et al. 2023,
2305.17333), which draws them again from their seed as is done here. MeZO differs in this: it takes one query
(`queries=1`), decays weights by -lr decay theta within the same step (the same here), and adds and
subtracts in place, which does not bring the weights back to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from unlearnkit.errors import require_fraction, require_positive
from unlearnkit.optim.zeroth_order.zeroth_order import ZerothOrder


class ZOSGD(ZerothOrder):
    """Zeroth order with the plainest rule.

        b <- momentum b + g,    theta <- (1 - lr weight_decay) theta - lr b

    The estimate is (d + q + 1) / q times as long, squared, as the gradient: rates are much below SGD's.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
    queries, radius, directions, restore, difference, keep_directions, seed : as `ZerothOrder`'s
    rank, density : optional, as `ZerothOrder`'s
    momentum : float
        In [0, 1); 0 keeps no state.
    weight_decay : float
        Apart from the estimate.

    Raises
    ------
    WrongClosure
        When `step` gets no closure, or one that calls backward.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> sgd = ZOSGD([w], lr=0.05)
    >>> for _ in range(60): loss = sgd.step(lambda: w.square().sum())
    >>> bool(w.abs().max() < 0.5)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-6,
        *,
        queries: int = 4,
        radius: float = 1e-3,
        directions: str = "gaussian",
        restore: str = "copy",
        difference: str = "central",
        rank: int | None = None,
        density: float | None = None,
        keep_directions: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay},
            queries=queries, radius=radius, directions=directions, restore=restore, difference=difference,
            rank=rank, density=density, keep_directions=keep_directions, seed=seed,
        )  # fmt: skip

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a momentum or a decay out of range."""
        super().check(options)
        require_fraction("momentum", options["momentum"], zero_allowed=True)
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)

    def move(
        self, weight: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """SGD's rule, with the decay apart."""
        if group["momentum"]:
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(weight)
            g = state["momentum"].mul_(group["momentum"]).add_(g)
        if group["weight_decay"]:
            weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(g, alpha=-group["lr"])
