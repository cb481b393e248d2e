"""The Hessian of a token-mean loss as something that multiplies vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from unlearnkit.displaced import flatten, unflatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness.memory import free_bytes, saved_bytes
from unlearnkit.flatness.second_derivatives import (
    differentiable_twice,
    require_graph_without_end,
    require_plain_attention,
)
from unlearnkit.token_mean_loss import TokenMeanLoss

SHARE_FOR_GRAPHS = 0.4  # of the free memory


class Hessian:
    """The Hessian of a loss over its weights, by double backward; never the Gauss-Newton matrix.

    Parameters
    ----------
    loss : TokenMeanLoss

    Attributes
    ----------
    size : int
        Weights, over all parameters that require gradients.
    products : int
        Hessian-vector products so far.

    Raises
    ------
    BadInput
        When no parameter requires gradients. Products raise it when the loss is not a number, when they are
        not themselves, and when an operation of the model has no second derivative.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> hessian = Hessian(uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8)))
    >>> with hessian.cached():
    ...     products = [hessian @ torch.full((hessian.size,), scale) for scale in (0.5, 1.0)]
    >>> torch.allclose(2 * products[0], products[1], atol=1e-4), hessian.products
    (True, 2)
    """

    name = "Hessian"

    def __init__(self, loss: TokenMeanLoss) -> None:
        self.loss, self.weights = loss, loss.weights
        if not self.weights:
            raise BadInput("loss: no parameter of the model requires gradients, so there is no Hessian")
        require_plain_attention(loss.model)
        self.size = sum(weight.numel() for weight in self.weights)
        self.products = 0
        self._graphs: dict[int, list[torch.Tensor]] = {}
        self._keeping = self._seen_through = False

    @property
    def dtype(self) -> torch.dtype:
        """Of vectors and products: float32, or wider if weights are; half precision is for weights only."""
        dtype = torch.float32
        for weight in self.weights:
            dtype = torch.promote_types(dtype, weight.dtype)
        return dtype

    @property
    def device(self) -> torch.device:
        """Of vectors and products."""
        return self.weights[0].device

    def __matmul__(self, vector: torch.Tensor) -> torch.Tensor:
        """H v, flat; `vector` is (size,)."""
        vector = self._checked(vector)
        parts = [part.to(w) for part, w in zip(unflatten(vector, self.weights), self.weights, strict=True)]
        total = torch.zeros_like(vector)
        with self.loss.evaluating(), differentiable_twice():
            for batch in range(len(self.loss.batches)):
                total += self._product(batch, parts)
        if not total.isfinite().all():
            raise BadInput(
                "loss: a product with its Hessian is not finite, though the loss is; look for weights so "
                "large that derivatives overflow"
            )
        self.products += 1
        return total

    @contextmanager
    def cached(self, *, beside: int = 0) -> Iterator[Hessian]:
        """Keep the graphs of the gradients inside the block, if they fit: a product is then a backward pass.

        The weights must not change inside. `beside` bytes are left free for what else will be held.
        """
        with self.loss.evaluating():
            self._keeping = self._graphs_fit(beside)
            try:
                yield self
            finally:
                self._keeping = False
                self._graphs.clear()

    def _checked(self, vector: Any) -> torch.Tensor:
        if not isinstance(vector, torch.Tensor) or vector.shape != (self.size,):
            given = (
                f"shape {tuple(vector.shape)}" if hasattr(vector, "shape") else f"a {type(vector).__name__}"
            )
            raise BadInput(
                f"vector must be a flat tensor of {self.size} numbers, one a weight that requires "
                f"gradients, but {given} was given"
            )
        if vector.device != self.device:
            raise BadInput(
                f"vector is on {vector.device}, the model on {self.device}; move one of them with .to()"
            )
        if not vector.isfinite().all():
            raise BadInput("vector has numbers that are not finite, so a product with it says nothing")
        return vector.detach().to(self.dtype)

    def _product(self, batch: int, parts: list[torch.Tensor]) -> torch.Tensor:
        gradient = self._graphs.get(batch)
        if gradient is None:
            gradient = self._gradient(batch)
        if self._keeping:
            self._graphs[batch] = gradient
        depends = [(g, v) for g, v in zip(gradient, parts, strict=True) if g.requires_grad]
        if not depends:
            return torch.zeros(self.size, dtype=self.dtype, device=self.device)
        found = torch.autograd.grad(
            [g for g, _ in depends], self.weights, [v for _, v in depends],
            retain_graph=self._keeping, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
        return flatten([part.to(self.dtype) for part in found])

    def _gradient(self, batch: int) -> list[torch.Tensor]:
        """A batch's share of the loss's gradient, with its graph."""
        with torch.enable_grad():
            loss = self.loss.batch_sum(batch) / self.loss.tokens
            if not loss.isfinite():
                raise BadInput(
                    f"loss: it is {loss.item()} on batches[{batch}], so it has no curvature; look for "
                    "weights that are not numbers"
                )
            if not loss.requires_grad:  # nothing in it depends on the weights
                return [torch.zeros_like(weight) for weight in self.weights]
            found = torch.autograd.grad(
                loss, self.weights, create_graph=True, allow_unused=True, materialize_grads=True
            )
        if not self._seen_through:
            require_graph_without_end(found)
            self._seen_through = True
        return list(found)

    def _graphs_fit(self, beside: int) -> bool:
        """Whether the graphs of all batches fit into a share of what is free, judged by the largest batch."""
        sizes = [batch["labels"].numel() for batch in self.loss.batches]
        largest = sizes.index(max(sizes))
        with self.loss.evaluating(), differentiable_twice(), saved_bytes() as saved:
            self._gradient(largest)
        free = free_bytes(self.device) - beside
        return saved.total * sum(sizes) / max(sizes) < SHARE_FOR_GRAPHS * free


def hessian_vector_product(loss: TokenMeanLoss, vector: torch.Tensor) -> torch.Tensor:
    """H v: the Hessian of a loss at the model's weights times a vector.

    By differentiating g^T v, g the gradient, once more (Pearlmutter 1994). The model is left as it is:
    weights, gradients in `.grad` and modes.

    Parameters
    ----------
    loss : TokenMeanLoss
    vector : Tensor (parameters,)
        Flat, over the parameters that require gradients, in order, on the model's device.

    Returns
    -------
    Tensor (parameters,)
        In float32, or wider if the weights are.

    Raises
    ------
    BadInput
        For a vector of another length or on another device, when no parameter requires gradients, or when the
        loss or the product is not finite.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> vector = torch.zeros(Hessian(loss).size)
    >>> bool((hessian_vector_product(loss, vector) == 0).all())
    True
    """
    return Hessian(loss) @ vector
