"""Rounding schemes by name: which weights share a grid, and what kind of grid it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.rounding.codebooks import FP4, NF4
from unlearnkit.rounding.grids import AsymmetricGrid, CodebookGrid, Grid, SymmetricGrid

GROUP = 64  # weights that share a grid, in group-wise schemes and in the blocks of bitsandbytes
MARGIN = 0.98  # of half a bin: what `cells` allows, so that no last bit of a division decides
BITS = range(2, 9)

Fit = Callable[[torch.Tensor, int], Grid]


@dataclass(frozen=True)
class Scheme:
    """One way to round a matrix.

    Attributes
    ----------
    fit : callable
        Makes the grid of (groups, members) of weights and a number of bits.
    by_row : bool
        Whether groups end where rows end; else the matrix is one long line, row after row.
    size : int or None
        Members of a group, None for the whole line. The last group of a line may be shorter.
    bits : range or tuple of int
        What the scheme is defined for.
    """

    fit: Fit
    by_row: bool = True
    size: int | None = None
    bits: Any = BITS

    def split(self, matrix: torch.Tensor) -> torch.Tensor:
        """(groups, members), the last group of a line filled up with zeros, which change no grid."""
        lines = matrix if self.by_row else matrix.reshape(1, -1)
        size = self.size or lines.shape[1]
        return F.pad(lines, (0, -lines.shape[1] % size)).reshape(-1, size)

    def join(self, groups: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """What `split` took apart."""
        lines = shape[0] if self.by_row else 1
        members = shape[1] if self.by_row else shape.numel()
        return groups.reshape(lines, -1)[:, :members].reshape(shape)


def _codebook(points: tuple[float, ...]) -> Fit:
    return lambda values, bits: CodebookGrid.fit(values, points)


SCHEMES: dict[str, Scheme] = {
    "rtn": Scheme(SymmetricGrid.fit),
    "rtn-row-asymmetric": Scheme(AsymmetricGrid.fit),
    "rtn-tensor": Scheme(SymmetricGrid.fit, by_row=False),
    "rtn-tensor-asymmetric": Scheme(AsymmetricGrid.fit, by_row=False),
    "rtn-group": Scheme(SymmetricGrid.fit, size=GROUP),
    "rtn-group-asymmetric": Scheme(AsymmetricGrid.fit, size=GROUP),
    "nf4": Scheme(_codebook(NF4), by_row=False, size=GROUP, bits=(4,)),
    "fp4": Scheme(_codebook(FP4), by_row=False, size=GROUP, bits=(4,)),
}


def require_bits(bits: object, scheme: str) -> None:
    """Raise unless the scheme exists and is defined for so many bits.

    Raises
    ------
    UnknownName
        For an unknown scheme, or bits other than 2 to 8.
    BadInput
        For a codebook of 4 bits that is asked for others.
    """
    require_one_of("scheme", scheme, SCHEMES)
    require_one_of("bits", bits, BITS)
    if bits not in SCHEMES[scheme].bits:
        raise BadInput(
            f'bits: "{scheme}" is a list of 16 values, so it has 4 bits, not {bits}; use bits=4, or '
            f'scheme="rtn-group" for {bits}'
        )


def _fitted(weight: torch.Tensor, bits: int, scheme: str) -> tuple[Scheme, Grid, torch.Tensor]:
    """The scheme, the matrix's own grid, and the codes in groups."""
    require_bits(bits, scheme)
    chosen = SCHEMES[scheme]
    values = chosen.split(weight.detach().float())
    grid = chosen.fit(values, bits)
    return chosen, grid, grid.codes(values)


def round_matrix(weight: torch.Tensor, bits: int = 4, scheme: str = "rtn") -> torch.Tensor:
    """The matrix rounded to its own grids, in the dtype it came in.

    Parameters
    ----------
    weight : Tensor (rows, columns)
        Never changed. Rows are outputs and columns inputs, as in torch.nn.Linear.
    bits : int
        2 to 8; 4 for the codebooks.
    scheme : str
        - "rtn": round to nearest, symmetric, one grid a row. A grid of b bits has 2^(b-1) - 1 steps to each
          side of zero, and the largest magnitude lies on the last one.
        - "rtn-row-asymmetric": 2^b values from a row's smallest weight to its largest, zero among them.
        - "rtn-tensor", "rtn-tensor-asymmetric": one grid for the whole matrix.
        - "rtn-group", "rtn-group-asymmetric": one grid for 64 neighbours of a row; a row's last group may
          be shorter.
        - "nf4", "fp4": bitsandbytes' 4-bit codebooks, times the largest magnitude of each 64 weights of the
          matrix read row after row. Its second, "double" quantization of these magnitudes is not done.

    Returns
    -------
    Tensor (rows, columns)

    Raises
    ------
    UnknownName, BadInput
        For a scheme or bits that there are not.

    Examples
    --------
    >>> weight = torch.tensor([[0.7, 0.24, -0.1]])
    >>> round_matrix(weight).tolist()  # steps of 0.1: 0.7 is the seventh
    [[0.7, 0.2, -0.1]]
    >>> round_matrix(weight, scheme="fp4").tolist()  # 0.7 times 1, 1/3, -1/6
    [[0.7, 0.233, -0.117]]
    """
    chosen, grid, found = _fitted(weight, bits, scheme)
    return chosen.join(grid.decode(found), weight.shape).to(weight.dtype)


def codes(weight: torch.Tensor, *, bits: int = 4, scheme: str = "rtn") -> torch.Tensor:
    """The bin of each weight: steps from zero, or the place in the codebook.

    Two matrices round alike, up to the size of their steps, where their codes are equal.

    Parameters
    ----------
    weight : Tensor (rows, columns)
    bits, scheme : see `round_matrix`

    Returns
    -------
    Tensor of int16 (rows, columns)

    Examples
    --------
    >>> codes(torch.tensor([[0.7, 0.24, -0.1]])).tolist()
    [[7, 2, -1]]
    """
    chosen, _, found = _fitted(weight, bits, scheme)
    return chosen.join(found, weight.shape).to(torch.int16)


def cells(
    weight: torch.Tensor, *, bits: int = 4, scheme: str = "rtn"
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The rounded matrix, and how far each of its weights may move before rounding notices.

    All weights may move at once, each within its own interval: the moved matrix, rounded on its own newly
    fitted grid, is `rounded` again. So the weights that define a grid (the largest magnitudes; for the
    asymmetric schemes the smallest and largest weights) may not move at all. Others may move 0.98 of half
    a bin.

    It is `rounded` that may move: a matrix that was never on its grid moves grid and bins as it goes (a
    change of less than half a bin, made to such a matrix, survives rounding on average).

    Parameters
    ----------
    weight : Tensor (rows, columns)
    bits, scheme : see `round_matrix`

    Returns
    -------
    rounded, low, high : Tensor of float32 (rows, columns)
        low <= rounded <= high, all equal where a weight defines its grid.

    Examples
    --------
    >>> rounded, low, high = cells(torch.tensor([[0.7, 0.24]]))
    >>> low.tolist(), high.tolist()
    ([[0.7, 0.151]], [[0.7, 0.249]])
    """
    chosen, grid, found = _fitted(weight, bits, scheme)
    rounded = grid.decode(found)
    free = MARGIN * ~grid.defines(rounded)
    below, above = grid.half_gaps(found)
    groups = (rounded, rounded - free * below, rounded + free * above)
    joined = [chosen.join(each, weight.shape) for each in groups]
    return joined[0], joined[1], joined[2]


def symmetric_codes(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest integer codes of a matrix on symmetric grids, one grid a row, with their steps.

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
    require_bits(bits, "rtn")
    values = weight.detach().float()
    grid = SymmetricGrid.fit(values, bits)
    return grid.codes(values), grid.scale


def round_rows(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """The matrix rounded by the scheme "rtn"."""
    return round_matrix(weight, bits, "rtn")
