"""A loss and its gradient at places around its weights, which are put back to the bit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from unlearnkit.displaced import Displaced, displaced, flatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness.sharpness import gradient, value
from unlearnkit.smoothing.formula import Smoothable, evaluating
from unlearnkit.smoothing.noise import Step
from unlearnkit.token_mean_loss import TokenMeanLoss


class Around:
    """Looks at a loss around its weights; made by `around`.

    Attributes
    ----------
    forwards : float
        Forward-equivalents so far: a value is 1, a gradient 3.
    """

    def __init__(self, loss: Any, place: Displaced) -> None:
        self.loss, self.forwards = loss, 0.0
        self._place = place

    @property
    def weights(self) -> list[torch.Tensor]:
        """What moves."""
        return self._place.weights

    def value(self, *steps: Step) -> float:
        """The loss at origin + sum of scale * direction; what is no number there is infinite."""
        self._place.to(*steps)
        self.forwards += 1
        found = value_of(self.loss)
        return math.inf if math.isnan(found) else found

    def gradient(self, *steps: Step) -> torch.Tensor:
        """The gradient there, flat, in double."""
        self._place.to(*steps)
        self.forwards += 3
        return flatten([part.double() for part in gradient_of(self.loss)])

    @torch.no_grad()
    def moved_fraction(self, step: Step) -> float:
        """The share of the weights that a displacement moves: below 1 where it rounds away."""
        self._place.to(step)
        pairs = zip(self._place.weights, self._place.kept, strict=True)
        moved = sum(int((weight != kept).sum()) for weight, kept in pairs)
        return moved / sum(kept.numel() for kept in self._place.kept)


@contextmanager
def around(loss: Smoothable) -> Iterator[Around]:
    """Look around a loss inside the block; after it its weights are what they were, whatever was raised."""
    with evaluating(loss), displaced(loss.weights) as place:
        yield Around(loss, place)


@torch.no_grad()
def value_of(loss: Any) -> float:
    """A loss at its weights; of a token-mean loss the batches are added in double, as rises are small."""
    if isinstance(loss, TokenMeanLoss):
        return value(loss)
    found = loss()
    if not isinstance(found, torch.Tensor) or found.numel() != 1:
        given = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise BadInput(f"loss: its value must be a scalar tensor, but it is {given}; take a sum or a mean")
    return float(found)


def finite_value_of(loss: Any) -> float:
    """The same, or BadInput where it is no finite number."""
    found = value_of(loss)
    if not math.isfinite(found):
        raise BadInput(
            f"loss: it is {found} at the weights themselves, so no gap can be told; look for weights that "
            "are not numbers"
        )
    return found


def gradient_of(loss: Any) -> list[torch.Tensor]:
    """The gradient of a loss at its weights, a tensor a weight; `.grad` is left alone."""
    if isinstance(loss, TokenMeanLoss):
        return gradient(loss)[1]
    with torch.enable_grad():
        found = loss()
        if not found.requires_grad:
            raise BadInput(
                "loss: its value has no graph to its weights, so it has no gradient; let the weights require "
                "gradients, and compute the value of them"
            )
        parts = torch.autograd.grad(found, loss.weights, allow_unused=True, materialize_grads=True)
    return list(parts)


def require_gradients(loss: Any) -> None:
    """Raise BadInput when a weight requires no gradient."""
    if not all(weight.requires_grad for weight in loss.weights):
        raise BadInput(
            "loss.weights: all must require gradients, since they are differentiated, but some do not; call "
            "requires_grad_() on them, or leave them out"
        )
