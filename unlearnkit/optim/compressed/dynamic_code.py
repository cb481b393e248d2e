"""The dynamic 8-bit code: 256 values between -1 and 1, or 0 and 1, closer together towards zero.

Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit Optimizers via Block-wise Quantization" (2022, 2110.02861).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

DECADES = 7


def points(signed: bool) -> list[float]:
    """The 256 values, sorted.

    Every decade from 1 down to 1e-7 is parted evenly between a tenth of its end and its end, and the middles
    of the parts are the values. The topmost decade has 64 parts, the next 32, the lowest one. Signed: these
    127, with either sign, 0, and 1. Unsigned: no bit goes to the sign, so every decade has twice the parts:
    254, 0, and 1.

    Examples
    --------
    >>> unsigned = points(signed=False)
    >>> len(unsigned), unsigned[:3], unsigned[-2:]
    (256, [0.0, 3.25e-07, 7.75e-07], [0.996484375, 1.0])
    """
    found = [0.0, 1.0]
    for decade in range(DECADES):
        parts = 2 ** (DECADES - 1 - decade) * (1 if signed else 2)
        middles = [0.1 + 0.9 * (part + 0.5) / parts for part in range(parts)]
        found += [middle * 10.0**-decade for middle in middles]
        found += [-middle * 10.0**-decade for middle in middles] if signed else []
    return sorted(found)


@dataclass(frozen=True)
class DynamicCode:
    """The code on one device, with a table by which the nearest value is found without a search.

    The first 16 bits of a float32 tell it to within a 128th, and no two limits between neighbouring values
    lie that close together: so they tell the code, or the lower of two, and the limit that decides.

    Attributes
    ----------
    values : Tensor of float32 (256,)
    lower : Tensor of uint8 (65536,)
        The smallest code of a number with these first 16 bits.
    limit : Tensor of float32 (65536,)
        Above it the code is one more; infinite where it never is.
    """

    values: torch.Tensor
    lower: torch.Tensor
    limit: torch.Tensor

    def encode(self, blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The codes of blocks of float32, (blocks, members), and their largest magnitudes, (blocks,).

        A number midway between two values gets the lower one.
        """
        largest = blocks.abs().amax(dim=1)
        shares = (blocks * (1.0 / largest.clamp(min=1e-38)).unsqueeze(1)).flatten()
        heads = (shares.view(torch.int32) >> 16).bitwise_and_(0xFFFF)
        codes = self.lower.index_select(0, heads)
        codes += shares > self.limit.index_select(0, heads)
        return codes.view(blocks.shape), largest

    def decode(self, codes: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        """The values of codes, (blocks, members), in float32."""
        shares = self.values.index_select(0, codes.flatten().int())
        return shares.view(codes.shape).mul_(largest.unsqueeze(1))


@cache
def dynamic_code(signed: bool, device: torch.device) -> DynamicCode:
    """The code, made once for each device."""
    values = torch.tensor(points(signed), dtype=torch.float32)
    limits = (values[:-1] + values[1:]) / 2
    heads = np.arange(2**16, dtype=np.uint32) << 16
    ends = [torch.from_numpy(bits.view(np.float32)) for bits in (heads, heads | 0xFFFF)]
    codes = [torch.bucketize(end, limits) for end in ends]
    lower = torch.minimum(*codes)
    split = (codes[0] != codes[1]) & torch.isfinite(ends[1])
    limit = torch.where(split, limits[lower.clamp(max=254)], torch.inf)
    return DynamicCode(values.to(device), lower.to(torch.uint8).to(device), limit.to(device))
