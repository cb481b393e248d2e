"""What can be smoothed: anything with weights and a value; and closed forms as such a thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable

import torch

from unlearnkit.errors import BadInput


@runtime_checkable
class Smoothable(Protocol):
    """A function of weights: a `TokenMeanLoss`, a `Formula`, or anything else that looks like them.

    Called, it gives its value at the weights as they lie, a scalar tensor; the same weights give the same
    value. For gradients the weights must require them.
    """

    @property
    def weights(self) -> list[torch.Tensor]:
        """What it is a function of, each tensor once."""
        ...

    def __call__(self) -> torch.Tensor:
        """Its value."""
        ...


class Formula:
    """A formula of tensors as a loss: to look at what smoothing does where the answer is known.

    Parameters
    ----------
    formula : callable
        Takes the tensors in order, gives a scalar tensor.
    *weights : Tensor
        Where to look. They are copied: nobody's tensor is moved.

    Raises
    ------
    BadInput
        For what cannot be called, no tensor, and tensors that are no floating-point numbers.

    Examples
    --------
    >>> parabola = Formula(lambda w: w.square().sum(), torch.tensor([3.0, 4.0]))
    >>> parabola().item()
    25.0
    """

    def __init__(self, formula: Callable[..., torch.Tensor], *weights: torch.Tensor) -> None:
        if not callable(formula):
            raise BadInput(f"formula must be callable, (tensors) -> scalar, not a {type(formula).__name__}")
        _require_weights("weights", weights)
        self.formula = formula
        self.weights = [weight.detach().clone().requires_grad_() for weight in weights]

    def __call__(self) -> torch.Tensor:
        """The formula's value."""
        return self.formula(*self.weights)


def require_smoothable(loss: Any) -> None:
    """Raise BadInput for what has no weights or no value."""
    if not isinstance(loss, Smoothable) or not callable(loss) or isinstance(loss, type):
        raise BadInput(
            f"loss must have weights and be callable, but a {type(loss).__name__} was given; take "
            "uk.TokenMeanLoss(model, batches), or uk.smoothing.Formula(formula, tensor)"
        )
    _require_weights("loss.weights", loss.weights)


def evaluating(loss: Any) -> AbstractContextManager[Any]:
    """The block in which a loss wants to be looked at many times: its own, if it has one."""
    block: AbstractContextManager[Any] = loss.evaluating() if hasattr(loss, "evaluating") else nullcontext()
    return block


def _require_weights(name: str, weights: Sequence[Any]) -> None:
    if not isinstance(weights, list | tuple) or not weights:
        raise BadInput(
            f"{name}: there is no tensor, so there is nothing to add noise to; give the parameters that "
            "the loss depends on, and let them require gradients"
        )
    for weight in weights:
        if not isinstance(weight, torch.Tensor) or not weight.is_floating_point():
            kind = weight.dtype if isinstance(weight, torch.Tensor) else type(weight).__name__
            raise BadInput(f"{name}: all must be tensors of floating-point numbers, but one is {kind}")
