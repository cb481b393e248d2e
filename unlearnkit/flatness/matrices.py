"""Which matrix of second derivatives a measure looks at, by name."""

from __future__ import annotations

from unlearnkit.errors import require_one_of
from unlearnkit.flatness.batchwise import Batchwise
from unlearnkit.flatness.gauss_newton import GaussNewton
from unlearnkit.flatness.hessian import Hessian
from unlearnkit.token_mean_loss import TokenMeanLoss

MATRICES: dict[str, type[Batchwise]] = {"hessian": Hessian, "gauss_newton": GaussNewton}


def matrix_of(loss: TokenMeanLoss, matrix: str) -> Batchwise:
    """The matrix of a loss by its name, "hessian" or "gauss_newton".

    Raises
    ------
    UnknownName
        For any other name.
    """
    require_one_of("matrix", matrix, MATRICES)
    return MATRICES[matrix](loss)
