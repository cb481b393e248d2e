"""Lanczos with full re-orthogonalisation: a symmetric matrix, through products, as a tridiagonal one.

Every new basis vector is made orthogonal to all earlier ones, again where a pass took much of it away
(Daniel, Gragg, Kaufman, Stewart 1976). Without it rounding brings found eigenvalues back again and again
("ghosts").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

Matvec = Callable[[torch.Tensor], torch.Tensor]
EXHAUSTED = 2 / 3  # of the digits, relative to the matrix: what is left of a product is grown from rounding
TAKEN_MUCH = 0.7  # a pass that leaves less of a vector's length is followed by another


@dataclass
class Lanczos:
    """A decomposition in the making: H Q = Q T + (remainder) e_m^T, with orthonormal columns of Q.

    Where the subspace is invariant, up to what rounding has grown to, it goes on from a fresh direction. T
    then also has what joins the row of the cut to the rows behind it.

    Parameters
    ----------
    matvec : callable
        Vector (size,) to the product (size,).
    start : Tensor (size,)
        Any length but 0.
    steps : int
        The most that will be taken, no more than rows: room for that many basis vectors is held.
    source : torch.Generator
        Draws a fresh direction where the subspace is exhausted.

    Attributes
    ----------
    diagonal, beside : list of float
        T's diagonal, and what is beside it; the last of `beside` is the remainder's length.
    basis : Tensor (steps, size)
        Q, a row each; the first `taken` rows are filled.
    cut : dict of int to list of float
        Rows of T after which a fresh direction came: the length of the remainder, then its share in each
        basis vector since.
    """

    matvec: Matvec
    start: torch.Tensor
    steps: int
    source: torch.Generator
    diagonal: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    cut: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.basis = torch.empty(
            self.steps, len(self.start), dtype=self.start.dtype, device=self.start.device
        )
        self.basis[0] = self.start / _length(self.start)

    @property
    def taken(self) -> int:
        """Products so far."""
        return len(self.diagonal)

    @property
    def exhausted(self) -> bool:
        """Whether the subspace so far is invariant, up to rounding."""
        return bool(self.beside) and not self.beside[-1]

    def advance(self) -> None:
        """One more product."""
        here = self.taken
        product = self.matvec(self.basis[here])
        self.diagonal.append(_dot(product, self.basis[here]))
        for row, shares in self.cut.items():
            shares.append(_dot(product, self.basis[row]))
        known = self.basis[: here + 1]
        remainder = orthogonal_to(known, self._by_recurrence(product))
        length = _length(remainder)
        scale = max(abs(value) for value in (*self.diagonal, *self.beside))
        if length <= torch.finfo(product.dtype).eps ** EXHAUSTED * scale or here + 1 == len(product):
            self.cut[here] = [length]
            length, remainder = 0.0, self._fresh(known)
        self.beside.append(length)
        if here + 1 < self.steps:
            self.basis[here + 1] = remainder / _length(remainder)

    def _by_recurrence(self, product: torch.Tensor) -> torch.Tensor:
        """What is left of a product without its last two directions: in exact arithmetic, the remainder."""
        here = self.taken - 1
        left = product - self.diagonal[-1] * self.basis[here]
        return left - self.beside[-1] * self.basis[here - 1] if here else left

    def _fresh(self, known: torch.Tensor) -> torch.Tensor:
        """A direction outside the subspace; of no use when the subspace is everything."""
        # Drawn on the CPU, so that every device goes on from the same.
        return orthogonal_to(known, torch.randn(known.shape[1], generator=self.source).to(known))

    def ritz(self, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Eigenvalues of T from a row on, ascending (m,), and its eigenvectors (m, m), in float64."""
        off = torch.tensor(self.beside[first:-1], dtype=torch.float64)
        small = torch.diag(torch.tensor(self.diagonal[first:], dtype=torch.float64))
        small += torch.diag(off, 1) + torch.diag(off, -1)
        for row, (_, *shares) in self.cut.items():
            if row >= first and shares:
                small[row - first, row - first + 1 :] = torch.tensor(shares, dtype=torch.float64)
                small[row - first + 1 :, row - first] = small[row - first, row - first + 1 :]
        values, vectors = torch.linalg.eigh(small)
        return values, vectors

    def residuals(self, vectors: torch.Tensor) -> torch.Tensor:
        """||H x - lambda x|| of each Ritz pair, (m,): what is left outside, times its coordinate there.

        After a cut it is a bound.
        """
        left = self.beside[-1] * vectors[-1].abs()
        for row, (length, *shares) in self.cut.items():
            outside = max(length**2 - sum(share**2 for share in shares), 0.0) ** 0.5
            left = left + outside * vectors[row].abs()
        return left


def orthogonal_to(known: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """What of a vector is orthogonal to known ones, which are orthonormal rows."""
    length = _length(vector)
    for _ in range(4):
        vector = torch.addmv(vector, known.T, known @ vector, alpha=-1)
        before, length = length, _length(vector)
        if length > TAKEN_MUCH * before:
            break
    return vector


def _dot(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(one.double() @ other.double())


def _length(vector: torch.Tensor) -> float:
    return float(vector.double().norm())
