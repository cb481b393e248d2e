"""Round-to-nearest grids: what a weight becomes with few bits.

One definition serves the attack that rounds and the cost that counts how many weights left
their bin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from unlearnkit.errors import require_one_of


def symmetric_codes(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest integer codes of a matrix on symmetric grids, one grid a row.

    Parameters
    ----------
    weight : Tensor (rows, columns)
    bits : int
        2 to 8. A row's grid has 2^(bits-1) - 1 steps to each side of zero, and its largest
        magnitude lies on the last one.

    Returns
    -------
    codes : Tensor of float32 (rows, columns), whole numbers
    scale : Tensor of float32 (rows, 1)
        The step of each row; 1 for a row of zeros.
    """
    require_one_of("bits", bits, range(2, 9))
    levels = 2 ** (bits - 1) - 1
    values = weight.detach().float()
    scale = values.abs().amax(dim=1, keepdim=True) / levels
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (values / scale).round().clamp(-levels, levels), scale


def round_rows(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """The matrix rounded to its own grid, in the dtype it came in."""
    codes, scale = symmetric_codes(weight, bits)
    return (codes * scale).to(weight.dtype)


def matrices(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights that rounding applies to: every matrix, a tied one once.

    Embeddings are among them (in a small model they are a quarter of the weights and tied to the
    output layer); gains of norms and biases, which are vectors, stay as they are.
    """
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and parameter.is_floating_point():
            yield name, parameter
