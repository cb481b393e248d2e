"""The one short loop that every training in the project runs: lab, unlearning and attacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch

LossOf = Callable[[Any], torch.Tensor]
ClosureOf = Callable[[Any], Callable[[], torch.Tensor]]


def descend(
    optimizer: torch.optim.Optimizer,
    loss_of: LossOf,
    batches: Iterable[Any],
    *,
    max_grad_norm: float | None = None,
    closure_of: ClosureOf | None = None,
) -> Iterator[float]:
    """Take one optimizer step a batch and yield the loss before it.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        With `needs_closure == "loss"` (zeroth order and its kin) it is handed a closure that
        returns the loss and calls no backward; else gradients are put in `p.grad` first.
    loss_of : callable
        Batch to scalar loss.
    batches : iterable
        Its end is the end of the loop.
    max_grad_norm : float, optional
        Gradients are scaled down to this L2 norm; not for closures, which own their gradients.
    closure_of : callable, optional
        Batch to the closure that an optimizer of losses is handed; by itself one that calls `loss_of`.

    Yields
    ------
    float
        The loss of each batch, measured before its step.
    """
    wants_closure = getattr(optimizer, "needs_closure", False) == "loss"
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    for batch in batches:
        if wants_closure:
            closure = closure_of(batch) if closure_of else partial(loss_of, batch)
            yield float(optimizer.step(closure))  # type: ignore[arg-type]
            continue
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(batch)
        loss.backward()
        if max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(weights, max_grad_norm)
        optimizer.step()
        yield loss.item()
