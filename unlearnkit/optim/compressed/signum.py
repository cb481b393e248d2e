"""Signum: the sign of the momentum. Under the name signAdam it is the paper's "1-bit Adam".

Bernstein et al. (2018), Algorithm 2: m <- beta * m + (1 - beta) * g, theta <- theta - lr * sign(m).

arXiv 2510.00761 compresses Adam's direction m / (sqrt(v) + eps) to one bit. The second moment is
positive, so the sign of that direction is the sign of the first moment: signAdam *is* Signum. It
is not the 1-bit Adam of arXiv 2102.02888, which freezes v and feeds the error back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_fraction, require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import run_closure


class Signum(Checked):
    """Step by `lr` against the sign of an exponential average of gradients.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The change of every weight whose momentum is not zero.
    momentum : float in [0, 1)
        The average's memory; 0.9 is Adam's beta1, which makes this signAdam. 0 is signSGD.
    weight_decay : float
        Decoupled, as in AdamW.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.zeros(2))
    >>> signum = Signum([w], lr=0.5, momentum=0.9)
    >>> w.grad = torch.tensor([1.0, -1.0]); signum.step()
    >>> w.grad = torch.tensor([-1.0, -1.0]); signum.step()   # momentum: -0.01 and -0.19
    >>> w.tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a momentum or a decay out of range."""
        super().check(options)
        require_fraction("momentum", options["momentum"], zero_allowed=True)
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        for group in self.param_groups:
            for weight, gradient in self.with_gradients(group):
                self._move(weight, gradient, group)
        return loss

    def _move(self, weight: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(momentum.sign(), alpha=-group["lr"])


SignAdam = Signum
