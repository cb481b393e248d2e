"""The trace of the Hessian of whatever can be smoothed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from unlearnkit import flatness
from unlearnkit.displaced import flatten, unflatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness.estimate import Estimate
from unlearnkit.flatness.trace import sampled_trace
from unlearnkit.smoothing.formula import Smoothable
from unlearnkit.smoothing.noise import size_of
from unlearnkit.token_mean_loss import TokenMeanLoss


class DoubleBackward:
    """The Hessian of a loss that is no `TokenMeanLoss`, by differentiating it twice.

    Examples
    --------
    >>> from unlearnkit.smoothing import Formula
    >>> hessian = DoubleBackward(Formula(lambda w: w.pow(3).sum(), torch.tensor([1.0, 2.0])))
    >>> (hessian @ torch.ones(2)).tolist()
    [6.0, 12.0]
    """

    name = "Hessian"

    def __init__(self, loss: Smoothable) -> None:
        self.loss, self.products, self.size = loss, 0, size_of(loss.weights)

    @property
    def dtype(self) -> torch.dtype:
        """Of vectors and products."""
        return self.loss.weights[0].dtype

    @property
    def device(self) -> torch.device:
        """Of vectors and products."""
        return self.loss.weights[0].device

    @torch.enable_grad()
    def __matmul__(self, vector: torch.Tensor) -> torch.Tensor:
        """H v, flat; `vector` is (size,)."""
        weights = self.loss.weights
        slopes = torch.autograd.grad(
            self.loss(), weights, create_graph=True, allow_unused=True, materialize_grads=True
        )
        self.products += 1
        if not any(slope.requires_grad for slope in slopes):  # linear: there is nothing left to differentiate
            return torch.zeros_like(vector)
        along = unflatten(vector, weights)
        slope = sum((slope * part).sum() for slope, part in zip(slopes, along, strict=True))
        if not isinstance(slope, torch.Tensor):
            raise BadInput("loss: it has no weights, so there is no Hessian")
        products = torch.autograd.grad(slope, weights, allow_unused=True, materialize_grads=True)
        return flatten(products)

    @contextmanager
    def cached(self, *, beside: int = 0) -> Iterator[DoubleBackward]:
        """Nothing is kept: a formula is cheap."""
        yield self


def trace_of(loss: Smoothable, *, samples: int, seed: int) -> Estimate:
    """The trace of a loss's Hessian, as `uk.flatness.trace` has it."""
    if isinstance(loss, TokenMeanLoss):
        return flatness.trace(loss, samples=samples, seed=seed)
    return sampled_trace(DoubleBackward(loss), samples=samples, seed=seed)
