"""SOUL's Sophia: the second-order optimizer of the unlearning papers, which looks at no second derivative.

Jia et al., "SOUL: Unlocking the Power of Second-Order Optimization for LLM Unlearning" (2404.18239), as its
code does it; arXiv 2510.00761's second-order grade descends from it. At every step, with the batch's own
gradient g (true labels, nothing sampled):

    h <- b2 h + (1 - b2) g * g
    m <- b1 m + (1 - b1) g
    theta <- theta - lr decay theta
    theta <- theta - lr sign(m) min(|m| / (rho bs h + eps), 1)

So h is a diagonal of the empirical Fisher: Adam's second moment, not under a root. And `bs`, Sophia's batch
size in tokens, stands at 5120 whatever the batch. Both differ from Sophia (2305.14342), hence a name of its
own. Where the ratio clips the step is sign descent; `clipped_share` tells how much of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_positive
from unlearnkit.optim.closures import run_closure
from unlearnkit.optim.second_order.clipped import Clipped


class SoulSophia(Clipped):
    """Step by at most `lr` against momentum over the average squared gradient.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The most that a weight changes in a step; SOUL's TOFU runs have 5e-6.
    betas, rho, bs, eps : SOUL's
    weight_decay : float
        Decoupled. SOUL has 0.1; here as elsewhere there is none unless asked for.
    momentum_twice : bool
        SOUL's code averages each gradient into m twice, once before the step and once in it. That is one
        average with b1 squared: 0.81 for 0.9. This option does so, too; against SOUL's published numbers it
        is unverified.

    Attributes
    ----------
    clipped_share : float in [0, 1], or None before the first step
        The share of coordinates that the last step clipped.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    >>> soul = SoulSophia([w], lr=0.1)
    >>> w.grad = torch.tensor([0.001, 0.1]); soul.step()   # m / (rho bs h): 9.8 and 0.098
    >>> w.tolist(), soul.clipped_share
    ([0.9, 0.990234], 0.5)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.95),
        rho: float = 0.04,
        bs: float = 5120,
        eps: float = 1e-15,
        weight_decay: float = 0.0,
        momentum_twice: bool = False,
    ) -> None:
        if not isinstance(momentum_twice, bool):
            raise BadInput(f"momentum_twice must be True or False, not {momentum_twice!r}")
        self.momentum_twice = momentum_twice
        options = {"lr": lr, "betas": betas, "rho": rho, "bs": bs, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options)

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for an option out of range."""
        super().check(options)
        require_positive("rho", options["rho"])
        require_positive("bs", options["bs"])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        moved = [(w, g, group) for group in self.param_groups for w, g in self.with_gradients(group)]
        clipped = [self.move(w, self._ratio(w, g, group), group) for w, g, group in moved]
        self.tell_share(clipped, [weight for weight, _, _ in moved])
        return loss

    def _ratio(self, weight: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        state = self.state[weight]
        if not state:
            state["m"], state["h"] = torch.zeros_like(weight), torch.zeros_like(weight)
        b1, b2 = group["betas"]
        h = state["h"].mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        for _ in range(2 if self.momentum_twice else 1):
            state["m"].lerp_(gradient, 1 - b1)
        ratio: torch.Tensor = state["m"] / (h * (group["rho"] * group["bs"])).add_(group["eps"])
        return ratio
