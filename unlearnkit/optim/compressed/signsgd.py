"""signSGD: the sign of the gradient, nothing else.

Bernstein, Wang, Azizzadenesheli, Anandkumar, "signSGD: Compressed Optimisation for Non-Convex
Problems" (2018), Algorithm 1: theta <- theta - lr * sign(g).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.optim.checked import Checked
from unlearnkit.optim.closures import run_closure


class SignSGD(Checked):
    """Step by `lr` against the sign of the gradient; a zero gradient leaves its weight alone.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The change of every weight whose gradient is not zero.
    weight_decay : float
        Decoupled: theta <- theta * (1 - lr * weight_decay) before the step.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.0]))
    >>> w.grad = torch.tensor([0.3, -7.0, 0.0])
    >>> SignSGD([w], lr=0.5).step()
    >>> w.tolist()
    [0.5, -1.5, 0.0]
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-4, *, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate or a decay out of range."""
        super().check(options)
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        for group in self.param_groups:
            for weight, gradient in self.with_gradients(group):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(gradient.sign(), alpha=-group["lr"])
        return loss
