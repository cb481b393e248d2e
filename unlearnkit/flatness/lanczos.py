"""Lanczos with full re-orthogonalisation: a symmetric matrix, seen through products, as a small tridiagonal one.

Every new basis vector is made orthogonal to all earlier ones, twice ("twice is enough", Parlett 1998). Without
it rounding brings found eigenvalues back again and again ("ghosts").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

Matvec = Callable[[torch.Tensor], torch.Tensor]
EXHAUSTED = 1e-6  # of the matrix's size: what is left of a product is rounding, the subspace is invariant


@dataclass
class Lanczos:
    """A decomposition in the making: H Q = Q T + (remainder) e_m^T, with orthonormal columns of Q.

    Parameters
    ----------
    matvec : callable
        Vector (size,) to the product (size,).
    start : Tensor (size,)
        Any length but 0.
    steps : int
        The most that will be taken: room for that many basis vectors is held.
    source : torch.Generator
        Draws a fresh direction where the subspace is exhausted.
    """

    matvec: Matvec
    start: torch.Tensor
    steps: int
    source: torch.Generator
    diagonal: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.basis = torch.empty(
            self.steps, len(self.start), dtype=self.start.dtype, device=self.start.device
        )
        self.basis[0] = self.start / self.start.norm()

    @property
    def taken(self) -> int:
        """Products so far."""
        return len(self.diagonal)

    def advance(self) -> None:
        """One more product."""
        here = self.taken
        product = self.matvec(self.basis[here])
        self.diagonal.append(float(product.double() @ self.basis[here].double()))
        known = self.basis[: here + 1]
        remainder = _orthogonal_to(known, product)
        length = float(remainder.double().norm())
        scale = max(abs(value) for value in (*self.diagonal, *self.beside))
        if length <= EXHAUSTED * scale:
            length, remainder = 0.0, self._fresh(known)
        self.beside.append(length)
        if here + 1 < self.steps and remainder is not None:
            self.basis[here + 1] = remainder / remainder.norm()

    def _fresh(self, known: torch.Tensor) -> torch.Tensor | None:
        """A direction outside the subspace, or None when the subspace is everything."""
        if len(known) >= known.shape[1]:
            return None
        # Drawn on the CPU, so that every device goes on from the same.
        return _orthogonal_to(known, torch.randn(known.shape[1], generator=self.source).to(known))

    def ritz(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Eigenvalues of T, ascending (m,), and its eigenvectors (m, m), in float64."""
        tridiagonal = torch.diag(torch.tensor(self.diagonal, dtype=torch.float64))
        off = torch.tensor(self.beside[:-1], dtype=torch.float64)
        tridiagonal += torch.diag(off, 1) + torch.diag(off, -1)
        values, vectors = torch.linalg.eigh(tridiagonal)
        return values, vectors

    def residuals(self, vectors: torch.Tensor) -> torch.Tensor:
        """||H x - lambda x|| of each Ritz pair, (m,): what is left outside, times its last coordinate."""
        return self.beside[-1] * vectors[-1].abs()


def _orthogonal_to(known: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    for _ in range(2):
        vector = vector - known.T @ (known @ vector)
    return vector
