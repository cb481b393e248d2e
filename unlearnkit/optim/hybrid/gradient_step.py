"""One step of an optimizer that finds its gradients in `p.grad`, from a closure that only says the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from unlearnkit.errors import WrongClosure
from unlearnkit.optim.closures import calls_backward, loss_of, require_dense


def gradient_step(
    optimizer: torch.optim.Optimizer,
    closure: Callable[[], Any] | None,
    *,
    max_grad_norm: float | None,
    name: str,
) -> torch.Tensor:
    """Compute the gradients, clip them as the unlearning loop does, step, and leave `.grad` as it was.

    What the loss does not depend on has no gradient, as after loss.backward(), and does not move.

    Returns
    -------
    Tensor, scalar, detached
        The loss before the step.

    Raises
    ------
    WrongClosure
        When there is no closure, or it returns no loss, or it calls backward.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    before = [weight.grad for weight in weights]
    try:
        for weight in weights:
            weight.grad = None
        loss = _backward(closure, weights, name)
        if max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(weights, max_grad_norm)
        optimizer.step()
    finally:
        for weight, gradient in zip(weights, before, strict=True):
            weight.grad = gradient
    return loss


def _backward(closure: Callable[[], Any] | None, weights: list[torch.Tensor], name: str) -> torch.Tensor:
    with torch.enable_grad():
        loss = loss_of(closure, name)
        if any(weight.grad is not None for weight in weights):
            raise calls_backward(name)
        if not loss.requires_grad:
            raise WrongClosure(
                f"{name}: the loss that the closure returned does not depend on the weights; compute it "
                "with gradients on, and return it before .item() or .detach()"
            )
        loss.backward()
    require_dense((weight.grad for weight in weights), name)
    return loss.detach()
