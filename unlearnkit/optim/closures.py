"""The two kinds of closure: torch's, which computes gradients, and one that only says the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import BadInput, WrongClosure


@dataclass(frozen=True)
class LossClosure:
    """A closure that says the loss, and what else some optimizers ask for.

    Attributes
    ----------
    loss : callable
        () to a scalar tensor; calling the closure calls it.
    forget, retain : callable, optional
        () to the two terms whose sum is the loss, for optimizers that treat the forget term on its own.
    sampled : callable, optional
        A torch.Generator to (loss, targets): the mean negative log-likelihood, in nats a token, of labels
        drawn from the model's own predictions, and how many they are (Gauss-Newton-Bartlett, 2305.14342).

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor(2.0))
    >>> closure = LossClosure(lambda: w - w**2, forget=lambda: -(w**2), retain=lambda: w)
    >>> closure().item(), closure.forget().item()
    (-2.0, -4.0)
    """

    loss: Callable[[], torch.Tensor]
    forget: Callable[[], torch.Tensor] | None = None
    retain: Callable[[], torch.Tensor] | None = None
    sampled: Callable[[torch.Generator], tuple[torch.Tensor, int]] | None = None

    def __call__(self) -> torch.Tensor:
        """The loss."""
        return self.loss()


def term(closure: Callable[[], Any] | None, part: str, name: str) -> Callable[..., Any]:
    """The part of a `LossClosure`: "forget", "retain" or "sampled"; raises WrongClosure if it has none."""
    found: Callable[..., Any] | None = getattr(closure, part, None)
    if found is None:
        raise WrongClosure(
            f"{name}: needs a closure that also tells its {part} part; "
            f"pass unlearnkit.optim.LossClosure(loss, {part}=…), as unlearn() does"
        )
    return found


def gradients(
    closure: Callable[[], Any] | None,
    weights: Sequence[torch.Tensor],
    name: str,
    *,
    create_graph: bool = False,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The loss of a closure that calls no backward, and its gradient, without touching `.grad`.

    Returns
    -------
    loss : Tensor, scalar, detached
    gradient : list of Tensor, one a weight; zeros where the loss does not depend on it
        With `create_graph` they can be differentiated once more.

    Raises
    ------
    WrongClosure
        When there is no closure, or it returns no loss, or it calls backward.
    """
    loss, found = gradients_found(closure, weights, name, create_graph=create_graph)
    return loss, [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def gradients_found(
    closure: Callable[[], Any] | None,
    weights: Sequence[torch.Tensor],
    name: str,
    *,
    create_graph: bool = False,
) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    """As `gradients`, with None for a weight that the loss does not depend on; it must not move."""
    before = [weight.grad for weight in weights]
    for weight in weights:  # or a backward would add to what is kept
        weight.grad = None
    try:
        with torch.enable_grad():
            loss = loss_of(closure, name)
            if not loss.requires_grad:
                raise WrongClosure(
                    f"{name}: the loss that the closure returned does not depend on the weights; compute it "
                    "with gradients on, and return it before .item() or .detach()"
                )
            found = torch.autograd.grad(loss, list(weights), allow_unused=True, create_graph=create_graph)
    except RuntimeError as error:
        if "second time" in str(error):
            raise calls_backward(name) from error
        raise
    finally:
        touched = any(weight.grad is not None for weight in weights)
        for weight, grad in zip(weights, before, strict=True):
            weight.grad = grad
    if touched:
        raise calls_backward(name)
    require_dense(found, name)
    return loss.detach(), list(found)


def checked(closure: Callable[[], Any] | None, optimizer: torch.optim.Optimizer) -> Callable[[], Any] | None:
    """A first-order closure that raises WrongClosure when it leaves no gradient behind.

    It returned a loss but called no backward: the step would move nothing, without a word. Sparse gradients
    raise BadInput, with a closure or without one.
    """
    name = type(optimizer).__name__
    if closure is None:
        require_dense(_gradients_of(optimizer), name)
        return None

    def run() -> Any:
        """The closure, and a look at what it left behind."""
        loss = closure()
        found = _gradients_of(optimizer)
        if getattr(loss, "requires_grad", False) and all(gradient is None for gradient in found):
            raise WrongClosure(
                "step(closure): this optimizer needs gradients, but the closure returned a loss and called "
                "no backward, so no weight would move; call loss.backward() in it, or before step()"
            )
        require_dense(found, name)
        return loss

    return run


def _gradients_of(optimizer: torch.optim.Optimizer) -> list[torch.Tensor | None]:
    return [weight.grad for group in optimizer.param_groups for weight in group["params"]]


def require_dense(gradients: Iterable[torch.Tensor | None], name: str) -> None:
    """Raise BadInput for a sparse gradient, before anything moves.

    torch.optim.SGD takes them; here no optimizer does, so that one can be exchanged for another.
    """
    for gradient in gradients:
        if gradient is not None and gradient.is_sparse:
            raise BadInput(
                f"{name}: a gradient of shape {tuple(gradient.shape)} is sparse, which has no sign or "
                "average of its own; make the embedding with sparse=False"
            )


def run_closure(closure: Callable[[], Any] | None, optimizer: torch.optim.Optimizer) -> Any:
    """Call an optional first-order closure with gradients on, and return its loss; see `checked`."""
    run = checked(closure, optimizer)
    if run is None:
        return None
    with torch.enable_grad():
        return run()


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
            f"{name}: step() needs a closure that returns the loss; call step(lambda: loss_fn(model, "
            "batch)). A Hugging Face Trainer gives none: there, take an optimizer whose needs_closure is "
            "False, see unlearnkit.optim.catalogue()"
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
