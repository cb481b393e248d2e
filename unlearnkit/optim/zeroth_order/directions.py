"""Random directions for zeroth-order steps: their law, and the subspace that they lie in.

Every law has mean square 1 a weight, so that a radius means the same for all of them: the change
of a weight in root mean square. The L2 radius is that times sqrt(d).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unlearnkit.errors import BadInput, require_fraction, require_integer, require_one_of
from unlearnkit.optim.zeroth_order.replay import Replay
from unlearnkit.randomness import generator

LAWS = ("sphere", "gaussian", "rademacher", "unit sphere")
HALF = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Directions:
    """How directions over a list of weights are drawn.

    Attributes
    ----------
    law : {"sphere", "gaussian", "rademacher", "unit sphere"}
        "sphere": uniform on the sphere of radius sqrt(d), which puts the factor d of Flaxman et al.
        (cs/0408007) into the estimate. "gaussian": independent normals. "rademacher": independent signs.
        "unit sphere": the same direction as "sphere" in the formula as 2510.00761 prints it, without the
        factor: estimates are those of the gradient over d. The radius stays one of mean squares.
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

    @property
    def on_a_sphere(self) -> bool:
        """Whether the length of the whole direction is fixed, all weights together."""
        return self.law in ("sphere", "unit sphere")

    def draw(self, weights: Sequence[torch.Tensor], *stream: str | int) -> list[torch.Tensor]:
        """One direction, a tensor a weight of its shape; the same stream gives the same direction."""
        whole = Replay(self, weights, *stream, keep=True)
        return [whole.of(index) for index in range(len(weights))]

    def fill(self, weight: torch.Tensor, source: torch.Generator) -> torch.Tensor:
        """Independent entries of mean square 1: all of them, or the coordinates in the row space.

        Of weights in half precision the directions are in float32.
        """
        shape = (weight.shape[0], self._rank(weight)) if self._is_narrow(weight) else weight.shape
        dtype = torch.float32 if weight.dtype in HALF else weight.dtype
        draw = _signs if self.law == "rademacher" else _normals
        return draw(torch.Size(shape), source, dtype).to(weight.device)

    def confine(self, index: int, weight: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """What was drawn for the weight of this index, laid into the subspace."""
        if self._is_narrow(weight):
            return drawn @ self._row_space(index, weight).to(drawn).T
        if self.density is None:
            return drawn
        return drawn.mul_(self._mask(index, weight).to(drawn))

    def _is_narrow(self, weight: torch.Tensor) -> bool:
        return self.rank is not None and weight.dim() == 2

    def _rank(self, weight: torch.Tensor) -> int:
        return min(self.rank or weight.shape[1], weight.shape[1])

    def _row_space(self, index: int, weight: torch.Tensor) -> torch.Tensor:
        """An orthonormal basis (columns, rank), scaled so that directions keep mean square 1."""
        source, rank = generator(self.seed, "row-space", index), self._rank(weight)
        basis: torch.Tensor = torch.linalg.qr(torch.randn(weight.shape[1], rank, generator=source))[0]
        dtype = torch.float32 if weight.dtype in HALF else weight.dtype
        return basis.to(weight.device, dtype).mul_((weight.shape[1] / rank) ** 0.5)

    def _mask(self, index: int, weight: torch.Tensor) -> torch.Tensor:
        source = generator(self.seed, "mask", index)
        return torch.rand(weight.shape, generator=source) < (self.density or 1.0)


def _normals(shape: torch.Size, source: torch.Generator, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, generator=source, device=source.device, dtype=dtype)


def _signs(shape: torch.Size, source: torch.Generator, dtype: torch.dtype) -> torch.Tensor:
    """Signs from random bits, 64 a draw: several times cheaper than as many normals."""
    words = torch.empty(-(-shape.numel() // 64), dtype=torch.int64, device=source.device)
    octets = words.random_(-(2**63), None, generator=source).view(torch.uint8)
    places = torch.arange(8, device=source.device)
    bits = torch.arange(256, device=source.device)[:, None] >> places & 1
    return (1 - 2 * bits).to(dtype).index_select(0, octets.int()).view(-1)[: shape.numel()].view(shape)
