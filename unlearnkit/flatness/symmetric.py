"""A symmetric matrix that is known by its products only: all that the algorithms of this room ask for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch


class Symmetric(Protocol):
    """What has products with vectors: the Hessian, or whatever stands in its place.

    Attributes
    ----------
    name : str
        For results: an estimate of one matrix must not pass for that of another.
    size : int
        Rows, and columns.
    products : int
        Taken so far.
    """

    name: str
    size: int
    products: int

    @property
    def dtype(self) -> torch.dtype:
        """Of vectors and products."""
        ...

    @property
    def device(self) -> torch.device:
        """Of vectors and products."""
        ...

    def __matmul__(self, vector: torch.Tensor) -> torch.Tensor:
        """The product with a flat vector (size,)."""
        ...

    def cached(self, *, beside: int = 0) -> AbstractContextManager[Any]:
        """A block of many products; `beside` bytes are needed for other things meanwhile."""
        ...


def vector_bytes(matrix: Symmetric) -> int:
    """What one vector of a matrix takes, in bytes."""
    return matrix.size * matrix.dtype.itemsize


def drawn(matrix: Symmetric, source: torch.Generator) -> torch.Tensor:
    """A normal vector. It is drawn on the CPU, so that every device starts from the same."""
    return torch.randn(matrix.size, generator=source, dtype=torch.float32).to(matrix.device, matrix.dtype)
