"""The two kinds of closure: torch's, which computes gradients, and one that only says the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from unlearnkit.errors import WrongClosure


def checked(closure: Callable[[], Any] | None, optimizer: torch.optim.Optimizer) -> Callable[[], Any] | None:
    """A first-order closure that raises WrongClosure when it leaves no gradient behind.

    It returned a loss but called no backward: the step would move nothing, without a word.
    """
    if closure is None:
        return None

    def run() -> Any:
        """The closure, and a look at what it left behind."""
        loss = closure()
        weights = (weight for group in optimizer.param_groups for weight in group["params"])
        if getattr(loss, "requires_grad", False) and all(weight.grad is None for weight in weights):
            raise WrongClosure(
                "step(closure): this optimizer needs gradients, but the closure returned a loss and called "
                "no backward, so no weight would move; call loss.backward() in it, or before step()"
            )
        return loss

    return run


def run_closure(closure: Callable[[], Any] | None, optimizer: torch.optim.Optimizer) -> Any:
    """Call an optional first-order closure with gradients on, and return its loss; see `checked`."""
    if closure is None:
        return None
    with torch.enable_grad():
        return checked(closure, optimizer)()  # type: ignore[misc]


def loss_of(closure: Callable[[], Any] | None, name: str) -> torch.Tensor:
    """Call a closure that must return the loss and call no backward.

    Whether gradients are recorded is the caller's choice.

    Raises
    ------
    WrongClosure
        When there is none, when it returns anything but one number, or when it calls backward.
    """
    if closure is None:
        raise WrongClosure(
            f"{name}: step() needs a closure that returns the loss; call step(lambda: loss_fn(model, batch))"
        )
    try:
        loss = closure()
    except RuntimeError as error:
        if "does not require grad" in str(error):
            raise calls_backward(name) from error
        raise
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise WrongClosure(
            f"{name}: the closure must return the loss, a tensor of one number, but returned {loss!r:.60}"
        )
    return loss.reshape(())


def calls_backward(name: str) -> WrongClosure:
    """The error for a closure that computes gradients where only its loss was asked for."""
    return WrongClosure(
        f"{name}: the closure calls backward, but this optimizer asks for the loss alone; "
        "return the loss and leave gradients to the optimizer"
    )
