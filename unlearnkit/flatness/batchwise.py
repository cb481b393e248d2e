"""A matrix over a loss's weights that is a sum over its batches: what all such products have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

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


class Batchwise(ABC):
    """Products of a loss's second derivatives with vectors, batch by batch, over graphs that can be kept.

    A subclass says what a batch's graph is, and how a product comes from it.
    """

    name: str

    def __init__(self, loss: TokenMeanLoss) -> None:
        self.loss, self.weights = loss, loss.weights
        if not self.weights:
            raise BadInput(f"loss: no parameter of the model requires gradients, so there is no {self.name}")
        require_plain_attention(loss.model)
        self.size = sum(weight.numel() for weight in self.weights)
        self.products = 0
        self._graphs: dict[int, Any] = {}
        self._keeping = self._seen_through = False

    @abstractmethod
    def _graph(self, batch: int) -> Any:
        """What every product with a batch's share starts from; made with gradients on."""

    @abstractmethod
    def _product(self, graph: Any, parts: list[torch.Tensor]) -> list[torch.Tensor]:
        """A batch's share of the product, a tensor a weight; keeps the graph if `self._keeping`."""

    def _bytes_beside(self, graph: Any) -> int:
        """What a graph takes beside what autograd saves for it."""
        return 0

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
        """The product with a vector, flat; `vector` is (size,)."""
        vector = self._checked(vector)
        parts = [part.to(w) for part, w in zip(unflatten(vector, self.weights), self.weights, strict=True)]
        total = torch.zeros_like(vector)
        with self.loss.evaluating(), differentiable_twice():
            for batch in range(len(self.loss.batches)):
                share = self._product(self._graph_of(batch), parts)
                total += flatten([part.to(self.dtype) for part in share])
        if not total.isfinite().all():
            raise BadInput(
                f"loss: a product with its {self.name} is not finite, though the loss is; look for weights "
                "so large that derivatives overflow"
            )
        self.products += 1
        return total

    @contextmanager
    def cached(self, *, beside: int = 0) -> Iterator[Self]:
        """Keep the graphs of all batches inside the block, if they fit: a product is then without a forward.

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

    def _graph_of(self, batch: int) -> Any:
        graph = self._graphs.get(batch)
        if graph is None:
            with torch.enable_grad():
                graph = self._graph(batch)
        if self._keeping:
            self._graphs[batch] = graph
        return graph

    def _require_number(self, batch: int, share: torch.Tensor) -> None:
        if not share.isfinite():
            raise BadInput(
                f"loss: it is {share.item()} on batches[{batch}], so it has no curvature; look for "
                "weights that are not numbers"
            )

    def _differentiated(self, output: torch.Tensor, along: torch.Tensor | None = None) -> list[torch.Tensor]:
        """The gradient of an output, with a graph of its own: what second derivatives come from."""
        found = torch.autograd.grad(
            output, self.weights, along, create_graph=True, allow_unused=True, materialize_grads=True
        )
        if not self._seen_through:
            require_graph_without_end(found)
            self._seen_through = True
        return list(found)

    def _graphs_fit(self, beside: int) -> bool:
        """Whether the graphs of all batches fit into a share of what is free, judged by the largest batch.

        What a graph saves grows with its batch; its gradient is as large as the weights, whatever the batch.
        """
        model = self.loss.model
        sizes = [batch["labels"].numel() for batch in self.loss.batches]
        largest = sizes.index(max(sizes))
        with (
            self.loss.evaluating(),
            differentiable_twice(),
            saved_bytes(besides=[*model.parameters(), *model.buffers()]) as saved,
            torch.enable_grad(),
        ):
            graph = self._graph(largest)
        needed = (saved.total + self._bytes_beside(graph)) * sum(sizes) / max(sizes)
        needed += len(sizes) * sum(weight.nbytes for weight in self.weights)
        return needed < SHARE_FOR_GRAPHS * (free_bytes(self.device) - beside)
