"""Outermost eigenvalues of the Hessian, or the Gauss-Newton matrix, each with a bound on its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import require_integer, require_one_of, require_positive
from unlearnkit.flatness.lanczos import Lanczos
from unlearnkit.flatness.matrices import matrix_of
from unlearnkit.flatness.memory import require_room
from unlearnkit.flatness.symmetric import Symmetric, drawn, vector_bytes
from unlearnkit.flatness.tables import html_table
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

WHICH = ("LM", "LA", "SA")
TOLERANCE = 1e-5
FOR_PRODUCTS = 6  # vectors that one product holds on its way


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """Eigenpairs of a matrix.

    Attributes
    ----------
    values : Tensor (k,), float64
        "LM": by falling modulus, "LA": falling, "SA": rising.
    vectors : Tensor (k, parameters)
        Of length 1, a row each.
    residuals : Tensor (k,), float64
        ||A v - lambda v||: an eigenvalue lies within this of each value (up to rounding, about 1e-6 of the
        largest modulus in float32).
    hvps : int
        Products of the matrix with vectors that it took.
    which : {"LM", "LA", "SA"}
    converged : bool
        Whether every residual is below the tolerance asked for.
    matrix : str
        Whose they are: "Hessian", "Gauss-Newton matrix".
    """

    values: torch.Tensor
    vectors: torch.Tensor
    residuals: torch.Tensor
    hvps: int
    which: str
    converged: bool
    matrix: str = "Hessian"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, without the vectors."""
        return {
            "values": self.values.tolist(),
            "residuals": self.residuals.tolist(),
            "hvps": self.hvps,
            "which": self.which,
            "converged": self.converged,
            "matrix": self.matrix,
        }

    def _repr_html_(self) -> str:
        rows = [
            (f"{value:.5g}", f"{residual:.1e}")
            for value, residual in zip(self.values.tolist(), self.residuals.tolist(), strict=True)
        ]
        note = "" if self.converged else "; not converged: allow more products"
        return html_table(
            f"{self.matrix}, {self.which}, {self.hvps} products{note}", ("eigenvalue", "± residual"), rows
        )


def top_eigenvalues(
    loss: TokenMeanLoss,
    k: int = 5,
    *,
    which: str = "LM",
    matrix: str = "hessian",
    seed: int = 0,
    tolerance: float = TOLERANCE,
    max_products: int | None = None,
    progress: bool = False,
) -> Eigenvalues:
    """The k outermost eigenvalues of the Hessian of a loss, with vectors and residuals.

    Lanczos (1950) with full re-orthogonalisation over cached gradient graphs, until every wanted
    residual is below the tolerance.

    Parameters
    ----------
    loss : TokenMeanLoss
    k : int
    which : {"LM", "LA", "SA"}
        Largest modulus, largest, smallest (most negative).
    matrix : {"hessian", "gauss_newton"}
        The Gauss-Newton matrix is the Hessian's part that is never negative; see `GaussNewton`.
    seed : int
        Decides the start vector.
    tolerance : float
        Residual allowed, as a share of the largest modulus among the k, or of a hundredth of the largest of
        all where that is more. An eigenvalue's own error is about its residual's square over the gap to the
        next one.
    max_products : int, optional
        Products to spend at most; 8 k + 40 if not given, and never more than there are
        weights.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Eigenvalues
        `converged` says whether the tolerance was reached, `matrix` whose they are.

    Raises
    ------
    BadInput
        For more eigenvalues than weights, a loss without such a matrix, or a basis that does not fit into
        memory.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = top_eigenvalues(loss, k=2, max_products=30)
    >>> bool(found.values[0].abs() >= found.values[1].abs())
    True
    """
    return outermost(
        matrix_of(loss, matrix), k, which=which, seed=seed, tolerance=tolerance, max_products=max_products,
        progress=progress,
    )  # fmt: skip


def outermost(
    matrix: Symmetric,
    k: int,
    *,
    which: str = "LM",
    seed: int = 0,
    tolerance: float = TOLERANCE,
    max_products: int | None = None,
    progress: bool = False,
) -> Eigenvalues:
    """The outermost eigenvalues of any symmetric matrix; see `top_eigenvalues`."""
    require_one_of("which", which, WHICH)
    require_positive("tolerance", tolerance)
    require_integer(
        "k", k, minimum=1, maximum=matrix.size, hint="There are no more eigenvalues than weights."
    )
    limit = 8 * k + 40 if max_products is None else max_products
    require_integer("max_products", limit, minimum=k, hint="Each eigenvalue takes a product at least.")
    limit = min(limit, matrix.size)
    needed = (limit + k + FOR_PRODUCTS) * vector_bytes(matrix)
    require_room(
        f"{limit} basis vectors of {matrix.size:,} numbers", needed, matrix.device,
        way_out="give a smaller max_products, or freeze parameters with requires_grad_(False)",
    )  # fmt: skip
    source = generator(seed, "lanczos")
    with (
        matrix.cached(beside=needed),
        tqdm(total=limit, desc="eigenvalues", disable=not progress, leave=False) as bar,
    ):
        lanczos = _run(matrix, k, which, source, tolerance, limit, bar)
        return _collect(lanczos, k, which, tolerance, matrix.name)


def _run(
    matrix: Symmetric, k: int, which: str, source: torch.Generator, tolerance: float, limit: int, bar: Any
) -> Lanczos:
    lanczos = Lanczos(matrix.__matmul__, drawn(matrix, source), limit, source)
    while lanczos.taken < limit and not _settled(lanczos, k, which, tolerance):
        lanczos.advance()
        bar.update()
    return lanczos


def _settled(lanczos: Lanczos, k: int, which: str, tolerance: float) -> bool:
    """Whether the wanted pairs are exact enough, and nothing that is still unseen can be wanted.

    A start sees each eigenvalue once. Where T is as good as cut in two, its subspace is exhausted, and
    whatever it saw may be there again. So what follows goes on until its own outermost value is exact enough,
    and is none of the wanted if it is exhausted, too.
    """
    if lanczos.taken < k:
        return False
    values, vectors = lanczos.ritz()
    wanted = _order(values, which)[:k]
    allowed = tolerance * _size(values, values[wanted])
    if (lanczos.residuals(vectors)[wanted] > allowed).any():
        return False
    if lanczos.taken == len(lanczos.start):
        return True
    cuts = [row + 1 for row, length in enumerate(lanczos.beside[:-1]) if length <= allowed]
    theirs, vectors = lanczos.ritz(max(cuts, default=0))
    first = _order(theirs, which)[:1]
    if lanczos.beside[-1] > allowed:
        return bool(lanczos.beside[-1] * vectors[-1, first].abs() <= allowed)
    return bool(_rank(theirs[first], which) >= _rank(values[wanted[-1:]], which) - allowed)


def _collect(lanczos: Lanczos, k: int, which: str, tolerance: float, matrix: str) -> Eigenvalues:
    values, vectors = lanczos.ritz()
    wanted = _order(values, which)[:k]
    basis = lanczos.basis[: lanczos.taken]
    return Eigenvalues(
        values=values[wanted],
        vectors=vectors[:, wanted].T.to(basis) @ basis,
        residuals=lanczos.residuals(vectors)[wanted],
        hvps=lanczos.taken,
        which=which,
        converged=_settled(lanczos, k, which, tolerance),
        matrix=matrix,
    )


def _size(every: torch.Tensor, wanted: torch.Tensor) -> float:
    return max(float(wanted.abs().max()), 0.01 * float(every.abs().max()))


def _rank(values: torch.Tensor, which: str) -> torch.Tensor:
    """Lower for what is wanted more."""
    return {"LM": -values.abs(), "LA": -values, "SA": values}[which]


def _order(values: torch.Tensor, which: str) -> torch.Tensor:
    return _rank(values, which).argsort(stable=True)
