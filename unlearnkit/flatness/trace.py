"""The trace of the Hessian, or the Gauss-Newton matrix, sampled, with an interval."""

from __future__ import annotations

from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import require_integer, require_one_of
from unlearnkit.flatness.estimate import Estimate, mean_of
from unlearnkit.flatness.matrices import matrix_of
from unlearnkit.flatness.memory import require_room
from unlearnkit.flatness.symmetric import Symmetric, vector_bytes
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

METHODS = ("hutchinson", "hutch++")


def trace(
    loss: TokenMeanLoss,
    *,
    samples: int = 100,
    method: str = "hutchinson",
    matrix: str = "hessian",
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """The trace of the Hessian of a loss: the sum of its eigenvalues, of either sign.

    Hutchinson (1989): E[v^T H v] with independent signs v; the variance of a sample is
    2 (||H||_F^2 - ||diag H||^2). The number of samples is fixed beforehand: a rule that stops when the
    running mean settles stops too early, and at once when the trace is negative.

    Parameters
    ----------
    loss : TokenMeanLoss
    samples : int
        Products with vectors.
    method : {"hutchinson", "hutch++"}
        Hutch++ (Meyer, Musco, Musco, Woodruff 2021, 2010.09649, Algorithm 1) spends two thirds of the
        products on a subspace of rank samples / 3, whose trace it takes exactly. On flat, indefinite spectra,
        as those of transformers are, it loses; its interval is that of the rest.
    matrix : {"hessian", "gauss_newton"}
        The Gauss-Newton matrix is the Hessian's part that is never negative; see `GaussNewton`.
    seed : int
    progress : bool

    Returns
    -------
    Estimate
        `.estimate`, `.stderr`, `.interval`; its name says whose trace it is.

    Raises
    ------
    BadInput
        For fewer than 2 samples (6 for Hutch++), a loss without such a matrix, or a subspace that does not
        fit into memory.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = trace(loss, samples=4)
    >>> found.interval[0] < found.estimate < found.interval[1]
    True
    """
    chosen = matrix_of(loss, matrix)
    return sampled_trace(chosen, samples=samples, method=method, seed=seed, progress=progress)


def sampled_trace(
    matrix: Symmetric,
    *,
    samples: int = 100,
    method: str = "hutchinson",
    seed: int = 0,
    progress: bool = False,
) -> Estimate:
    """The trace of any symmetric matrix; see `trace`."""
    require_one_of("method", method, METHODS)
    least = 2 if method == "hutchinson" else 6
    require_integer("samples", samples, minimum=least, hint="An interval needs two samples at least.")
    estimate = _hutchinson if method == "hutchinson" else _hutch_plus_plus
    with tqdm(total=samples, desc="trace", disable=not progress, leave=False) as bar:
        return estimate(matrix, samples, generator(seed, "trace"), bar)


def _hutchinson(matrix: Symmetric, samples: int, source: torch.Generator, bar: Any) -> Estimate:
    with matrix.cached():
        values = [_quadratic(matrix, _signs(matrix, source), bar) for _ in range(samples)]
    return mean_of(f"trace of the {matrix.name}", values, hvps=samples)


def _hutch_plus_plus(matrix: Symmetric, samples: int, source: torch.Generator, bar: Any) -> Estimate:
    rank = min(samples // 3, matrix.size)
    needed = 3 * rank * vector_bytes(matrix)
    require_room(f"a subspace of rank {rank}", needed, matrix.device, way_out="give fewer samples")
    with matrix.cached(beside=needed):
        basis = _range(matrix, rank, source, bar)
        known = sum(_quadratic(matrix, column, bar) for column in basis.T)
        rest = []
        for _ in range(samples - 2 * rank):
            vector = _signs(matrix, source)
            rest.append(_quadratic(matrix, vector - basis @ (basis.T @ vector), bar))
    return mean_of(f"trace of the {matrix.name} (Hutch++)", rest, offset=known, hvps=samples)


def _range(matrix: Symmetric, rank: int, source: torch.Generator, bar: Any) -> torch.Tensor:
    """Orthonormal columns (size, rank) in which most of the matrix lies."""
    products = []
    for _ in range(rank):
        products.append(matrix @ _signs(matrix, source))
        bar.update()
    basis: torch.Tensor = torch.linalg.qr(torch.stack(products, dim=1))[0]
    return basis


def _signs(matrix: Symmetric, source: torch.Generator) -> torch.Tensor:
    signs = torch.randint(0, 2, (matrix.size,), generator=source, dtype=torch.int8)
    return signs.to(matrix.device, matrix.dtype).mul_(2).sub_(1)


def _quadratic(matrix: Symmetric, vector: torch.Tensor, bar: Any) -> float:
    value = float((vector.double() * (matrix @ vector).double()).sum())
    bar.update()
    return value
