"""Round-to-nearest grids: what a weight becomes with few bits.

One definition serves the attack that rounds, the cost that counts how many weights left their bin, and
the planted models that hide inside their bins.
"""

from unlearnkit.rounding.matrices import matrices
from unlearnkit.rounding.schemes import (
    SCHEMES,
    cells,
    codes,
    require_bits,
    round_matrix,
    round_rows,
    symmetric_codes,
)

__all__ = [
    "SCHEMES",
    "cells",
    "codes",
    "matrices",
    "require_bits",
    "round_matrix",
    "round_rows",
    "symmetric_codes",
]
