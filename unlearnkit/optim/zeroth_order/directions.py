"""Random directions for zeroth-order steps: their law, and the subspace that they lie in.

Every law has mean square 1 a weight, so that a radius means the same for all of them: the change
of a weight in root mean square. The L2 radius is that times sqrt(d).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unlearnkit.errors import BadInput, require_fraction, require_integer, require_one_of
from unlearnkit.randomness import generator

LAWS = ("sphere", "gaussian", "rademacher")


@dataclass(frozen=True)
class Directions:
    """How directions over a list of weights are drawn.

    Attributes
    ----------
    law : {"sphere", "gaussian", "rademacher"}
        "sphere": uniform on the sphere of radius sqrt(d) (arXiv 2510.00761 takes the unit sphere,
        which is the same direction; its formula lacks the factor d that this scale restores).
        "gaussian": independent normals. "rademacher": independent signs.
    rank : int, optional
        Matrices move only within a fixed random row space of this dimension.
    density : float, optional
        Only this share of the weights moves, the same ones in every step, drawn once.
    seed : int
    """

    law: str = "sphere"
    rank: int | None = None
    density: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("law", self.law, LAWS)
        require_integer("seed", self.seed)
        if self.rank is not None:
            require_integer("rank", self.rank, minimum=1)
        if self.density is not None:
            require_fraction("density", self.density)
        if self.rank is not None and self.density is not None:
            raise BadInput("rank and density name two different subspaces; give one of them")

    def draw(self, weights: Sequence[torch.Tensor], *stream: str | int) -> list[torch.Tensor]:
        """One direction, a tensor a weight of its shape; the same stream gives the same direction."""
        source = generator(self.seed, *stream, device=weights[0].device)
        drawn = [self._confine(i, w, self._fill(w, source)) for i, w in enumerate(weights)]
        if self.law == "sphere":
            self._normalise(drawn)
        return drawn

    def _fill(self, weight: torch.Tensor, source: torch.Generator) -> torch.Tensor:
        """Independent entries of mean square 1: all of them, or the coordinates in the row space."""
        shape = (weight.shape[0], self._rank(weight)) if self._is_narrow(weight) else weight.shape
        if self.law == "rademacher":
            signs = torch.randint(0, 2, shape, generator=source, device=weight.device)
            return signs.to(weight.dtype).mul_(2).sub_(1)
        return torch.randn(shape, generator=source, device=weight.device, dtype=weight.dtype)

    def _confine(self, index: int, weight: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        if self._is_narrow(weight):
            return drawn @ self._row_space(index, weight).T
        if self.density is None:
            return drawn
        return drawn.mul_(self._mask(index, weight))

    def _is_narrow(self, weight: torch.Tensor) -> bool:
        return self.rank is not None and weight.dim() == 2

    def _rank(self, weight: torch.Tensor) -> int:
        return min(self.rank or weight.shape[1], weight.shape[1])

    def _row_space(self, index: int, weight: torch.Tensor) -> torch.Tensor:
        """An orthonormal basis (columns, rank), scaled so that directions keep mean square 1."""
        source, rank = generator(self.seed, "row-space", index), self._rank(weight)
        basis: torch.Tensor = torch.linalg.qr(torch.randn(weight.shape[1], rank, generator=source))[0]
        return basis.to(weight).mul_((weight.shape[1] / rank) ** 0.5)

    def _mask(self, index: int, weight: torch.Tensor) -> torch.Tensor:
        source = generator(self.seed, "mask", index)
        kept = torch.rand(weight.shape, generator=source) < (self.density or 1.0)
        return kept.to(weight)

    def _normalise(self, drawn: Sequence[torch.Tensor]) -> None:
        """Give the whole direction root mean square 1 over the weights that it moves."""
        square = sum(float(u.double().square().sum()) for u in drawn)
        moved = sum(u.numel() if self.density is None else int((u != 0).sum()) for u in drawn)
        for u in drawn:
            u.mul_((moved / square) ** 0.5 if square else 0.0)
