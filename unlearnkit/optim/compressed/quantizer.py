"""Q(m; N): a direction in N bits a coordinate.

Lang et al. 2026 (2510.00761) write a compressed step as theta <- theta - lr * Q(m; N), with m the descent
direction and Q(m; 1) = sign(m). How Q scales and rounds above one bit is not known from what was read of the
paper; here it is the symmetric grid of `unlearnkit.rounding`, and every choice is an option with a name.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch

from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.rounding.grids import SymmetricGrid
from unlearnkit.rounding.schemes import Scheme

PER = ("tensor", "row", "block")
ROUNDINGS = ("nearest", "stochastic")
BITS = (*range(1, 17), 32)
NOT_COMPRESSED = 32


@dataclass(frozen=True)
class Quantizer:
    """Round a tensor to a few values, symmetric around zero, and give the rounded values back.

    At N = 2 bits and above: codes are the whole numbers from -L to L, L = 2^(N-1) - 1 (1 at 2 bits, 7 at 4,
    127 at 8), times a scale: the largest magnitude of the group, divided by L. At one bit: the sign, -1, 0
    or 1; zero stays zero. Scaled, it is multiplied with the group's mean magnitude, which of all scales
    leaves the least squared error.

    Parameters
    ----------
    bits : int
        N: 1 to 16. 32 leaves every value as it is, as a control.
    per : {"tensor", "row", "block"}
        Which coordinates share a scale: all of a tensor; those with the same first index (a vector is one
        row); `block` neighbours of the tensor read row after row, of which the last may be fewer.
    block : int
        Coordinates of a block.
    rounding : {"nearest", "stochastic"}
        Nearest: halves go to the even code. Stochastic: up or down with the chances that make the expected
        result equal to the value. At one bit these are +s and -s with s the group's largest magnitude,
        since no smaller scale can be right on average; without scale, +1 and -1, whose mean is value / s.
    scaled : bool, optional
        False only at one bit. By default as in 2510.00761: False at one bit, True above.

    Examples
    --------
    >>> direction = torch.tensor([[0.7, 0.24, -0.1], [0.0, -7.0, 1.0]])
    >>> Quantizer(bits=4, per="row")(direction).tolist()  # steps of 0.1, and of 1
    [[0.7, 0.2, -0.1], [0.0, -7.0, 1.0]]
    >>> Quantizer(bits=1)(direction).tolist()
    [[1.0, 1.0, -1.0], [0.0, -1.0, 1.0]]
    """

    bits: int = 8
    _: KW_ONLY
    per: str = "tensor"
    block: int = 256
    rounding: str = "nearest"
    scaled: bool | None = None

    def __post_init__(self) -> None:
        """Raise BadInput for options that make no sense."""
        require_one_of("bits", self.bits, BITS)
        require_one_of("per", self.per, PER)
        require_integer("block", self.block, minimum=1)
        require_one_of("rounding", self.rounding, ROUNDINGS)
        require_one_of("scaled", self.scaled, (None, True, False))
        if self.scaled is False and self.bits > 1:
            raise BadInput(
                f"scaled: whole numbers of {self.bits} bits are no direction without their scale; only the "
                "sign (bits=1) has a form without one; leave scaled out"
            )

    def __call__(self, direction: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """The rounded values, a new tensor of the same shape and dtype.

        Parameters
        ----------
        direction : Tensor, any shape
        generator : torch.Generator, on the tensor's device
            What stochastic rounding draws from; not used otherwise.

        Raises
        ------
        BadInput
            For stochastic rounding without a generator.
        """
        if self.bits == NOT_COMPRESSED or not direction.numel():
            return direction.clone()
        codes, scale = self.codes(direction, generator)
        lines = self._lines(direction)
        return self._scheme.join(codes.mul_(scale), lines.shape).reshape(direction.shape).to(direction.dtype)

    def codes(
        self, direction: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What would be sent: the codes, and the scale of each group.

        Returns
        -------
        codes : Tensor (groups, members), whole numbers
            The last block of a tensor is filled up with zeros.
        scale : Tensor (groups, 1)
            1 for a group of zeros, and for a sign without scale.

        Examples
        --------
        >>> codes, scale = Quantizer(bits=1, scaled=True).codes(torch.tensor([3.0, -1.0, 0.0, 4.0]))
        >>> codes.tolist(), scale.tolist()
        ([[1.0, -1.0, 0.0, 1.0]], [[2.0]])
        """
        values = self._scheme.split(self._lines(direction))
        noise = self._noise(values, generator)
        if self.bits == 1:
            return self._sign(values, noise, direction.numel())
        grid = SymmetricGrid.fit(values, self.bits)
        if noise is None:
            return grid.codes(values), grid.scale
        drawn = noise.add_(values / grid.scale).floor_()
        return drawn.clamp_(-grid.levels, grid.levels), grid.scale

    def _sign(
        self, values: torch.Tensor, noise: torch.Tensor | None, count: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        magnitudes = values.abs()
        largest = magnitudes.amax(dim=1, keepdim=True)
        codes = values.sign()
        if noise is not None:
            up = noise * 2 < 1 + values / torch.where(largest > 0, largest, 1)
            codes = torch.where(up, codes.abs(), -codes.abs())
        if not self.scaled:
            return codes, torch.ones_like(largest)
        scale = largest if noise is not None else _mean(magnitudes, count)
        return codes, torch.where(scale > 0, scale, 1)

    def _noise(self, values: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor | None:
        if self.rounding == "nearest":
            return None
        if generator is None:
            raise BadInput(
                "Quantizer: stochastic rounding draws, but no generator was given; pass "
                'unlearnkit.randomness.generator(seed, "rounding"), or use rounding="nearest"'
            )
        return torch.rand(values.shape, generator=generator, device=values.device, dtype=values.dtype)

    def _lines(self, direction: torch.Tensor) -> torch.Tensor:
        """The tensor as a matrix whose rows are its own, or as one line; halves as float32."""
        rows = len(direction) if self.per == "row" and direction.dim() > 1 else 1
        exact = direction if direction.dtype == torch.float64 else direction.float()
        return exact.reshape(rows, -1)

    @property
    def _scheme(self) -> Scheme:
        size = self.block if self.per == "block" else None
        return Scheme(SymmetricGrid.fit, by_row=self.per == "row", size=size)


def _mean(magnitudes: torch.Tensor, count: int) -> torch.Tensor:
    """The mean of each group, without the zeros that fill up the last one."""
    groups, size = magnitudes.shape
    members = torch.full_like(magnitudes[:, :1], size)
    members[-1] = count - (groups - 1) * size
    return magnitudes.sum(dim=1, keepdim=True) / members
