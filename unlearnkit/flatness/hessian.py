"""The Hessian of a token-mean loss as something that multiplies vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from unlearnkit.displaced import flatten, unflatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness.memory import free_bytes, saved_bytes
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
        When no parameter requires gradients, or the loss is not a number.
    """

    def __init__(self, loss: TokenMeanLoss) -> None:
        self.loss, self.weights = loss, loss.weights
        if not self.weights:
            raise BadInput("loss: no parameter of the model requires gradients, so there is no Hessian")
        self.size = sum(weight.numel() for weight in self.weights)
        self.products = 0
        self._graphs: dict[int, list[torch.Tensor]] = {}
        self._keeping = False

    @property
    def dtype(self) -> torch.dtype:
        """Of vectors and products."""
        return self.weights[0].dtype

    @property
    def device(self) -> torch.device:
        """Of vectors and products."""
        return self.weights[0].device

    def __matmul__(self, vector: torch.Tensor) -> torch.Tensor:
        """H v, flat; `vector` is (size,)."""
        self.products += 1
        parts = unflatten(vector, self.weights)
        total = torch.zeros_like(vector)
        with self.loss.evaluating(), _differentiable_twice():
            for batch in range(len(self.loss.batches)):
                total += self._product(batch, parts)
        return total

    @contextmanager
    def cached(self) -> Iterator[Hessian]:
        """Keep the graphs of the gradients inside the block, if they fit: a product is then a backward pass.

        The weights must not change inside.
        """
        self._keeping = self._graphs_fit()
        try:
            yield self
        finally:
            self._keeping = False
            self._graphs.clear()

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
        return flatten(found)

    def _gradient(self, batch: int) -> list[torch.Tensor]:
        with torch.enable_grad():
            loss = self.loss.batch_sum(batch) / self.loss.tokens
            if not loss.isfinite():
                raise BadInput(
                    f"loss: it is {loss.item()} on batches[{batch}], so it has no curvature; look for weights that "
                    "are not numbers"
                )
            return list(
                torch.autograd.grad(
                    loss, self.weights, create_graph=True, allow_unused=True, materialize_grads=True
                )
            )

    def _graphs_fit(self) -> bool:
        """Whether the graphs of all batches fit into a share of what is free, judged by the largest batch."""
        sizes = [batch["labels"].numel() for batch in self.loss.batches]
        largest = sizes.index(max(sizes))
        with self.loss.evaluating(), _differentiable_twice(), saved_bytes() as saved:
            self._gradient(largest)
        return saved.total * sum(sizes) / max(sizes) < SHARE_FOR_GRAPHS * free_bytes(self.device)


def hessian_vector_product(loss: TokenMeanLoss, vector: torch.Tensor) -> torch.Tensor:
    """H v: the Hessian of a loss at the model's weights times a vector.

    Parameters
    ----------
    loss : TokenMeanLoss
    vector : Tensor (parameters,)
        Flat, over the parameters that require gradients, in order.

    Returns
    -------
    Tensor (parameters,)

    Raises
    ------
    BadInput
        For a vector of another length, or when there is nothing to differentiate.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> vector = torch.zeros(Hessian(loss).size)
    >>> bool((hessian_vector_product(loss, vector) == 0).all())
    True
    """
    hessian = Hessian(loss)
    return hessian @ checked_vector(vector, hessian)


def checked_vector(vector: Any, hessian: Hessian) -> torch.Tensor:
    """The vector in the Hessian's dtype and on its device; raises BadInput unless it is flat and fits."""
    if not isinstance(vector, torch.Tensor) or vector.shape != (hessian.size,):
        given = tuple(vector.shape) if isinstance(vector, torch.Tensor) else type(vector).__name__
        raise BadInput(
            f"vector must be a flat tensor of {hessian.size} numbers, one a weight, but {given} was given"
        )
    return vector.to(device=hessian.device, dtype=hessian.dtype)


@contextmanager
def _differentiable_twice() -> Iterator[None]:
    """Attention by plain matrix products: the fused kernels have no second derivative."""
    with sdpa_kernel(SDPBackend.MATH):
        try:
            yield
        except RuntimeError as error:
            if "derivative for" in str(error) or "double backward" in str(error):
                raise BadInput(
                    f"loss: the model has an operation without a second derivative ({str(error).splitlines()[0]}); "
                    'load it with attn_implementation="eager" or "sdpa"'
                ) from error
            raise
