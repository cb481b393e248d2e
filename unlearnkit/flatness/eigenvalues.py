"""The Hessian's outermost eigenvalues, each with a bound on its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import require_integer, require_one_of, require_positive
from unlearnkit.flatness.hessian import Hessian
from unlearnkit.flatness.lanczos import Lanczos
from unlearnkit.flatness.memory import require_room
from unlearnkit.flatness.tables import html_table
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

WHICH = ("LM", "LA", "SA")


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """Eigenpairs of a Hessian.

    Attributes
    ----------
    values : Tensor (k,), float64
        "LM": by falling modulus, "LA": falling, "SA": rising.
    vectors : Tensor (k, parameters)
        Of length 1, a row each.
    residuals : Tensor (k,), float64
        ||H v - lambda v||: an eigenvalue lies within this of each value (up to rounding, about 1e-6 of the
        largest modulus in float32).
    hvps : int
        Hessian-vector products that it took.
    which : {"LM", "LA", "SA"}
    converged : bool
        Whether every residual is below the tolerance asked for.
    """

    values: torch.Tensor
    vectors: torch.Tensor
    residuals: torch.Tensor
    hvps: int
    which: str
    converged: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, without the vectors."""
        return {
            "values": self.values.tolist(),
            "residuals": self.residuals.tolist(),
            "hvps": self.hvps,
            "which": self.which,
            "converged": self.converged,
        }

    def _repr_html_(self) -> str:
        rows = [
            (f"{value:.5g}", f"{residual:.1e}")
            for value, residual in zip(self.values.tolist(), self.residuals.tolist(), strict=True)
        ]
        note = "" if self.converged else "; not converged: allow more products"
        return html_table(f"{self.which}, {self.hvps} products{note}", ("eigenvalue", "± residual"), rows)


def top_eigenvalues(
    loss: TokenMeanLoss,
    k: int = 5,
    *,
    which: str = "LM",
    seed: int = 0,
    tolerance: float = 1e-4,
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
    seed : int
        Decides the start vector.
    tolerance : float
        Residual allowed, as a share of the largest modulus.
    max_products : int, optional
        Hessian-vector products to spend at most; 8 k + 40 if not given, and never more than there are weights.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Eigenvalues
        `converged` says whether the tolerance was reached.

    Raises
    ------
    BadInput
        For more eigenvalues than weights, a loss without a Hessian, or a basis that does not fit into memory.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = top_eigenvalues(loss, k=2, max_products=30)
    >>> bool(found.values[0].abs() >= found.values[1].abs())
    True
    """
    require_one_of("which", which, WHICH)
    require_positive("tolerance", tolerance)
    hessian = Hessian(loss)
    require_integer(
        "k", k, minimum=1, maximum=hessian.size, hint="there are no more eigenvalues than weights"
    )
    limit = 8 * k + 40 if max_products is None else max_products
    require_integer("max_products", limit, minimum=k)
    limit = min(limit, hessian.size)
    needed = limit * hessian.size * hessian.weights[0].element_size()
    require_room(f"{limit} basis vectors", needed, hessian.device, way_out="give a smaller max_products")
    with hessian.cached(), tqdm(total=limit, desc="eigenvalues", disable=not progress, leave=False) as bar:
        lanczos = _run(hessian, k, which, generator(seed, "lanczos"), tolerance, limit, bar)
    return _collect(lanczos, k, which, tolerance)


def _run(
    hessian: Hessian, k: int, which: str, source: torch.Generator, tolerance: float, limit: int, bar: Any
) -> Lanczos:
    start = torch.randn(hessian.size, generator=source, dtype=torch.float32).to(hessian.device, hessian.dtype)
    lanczos = Lanczos(hessian.__matmul__, start, limit, source)
    while lanczos.taken < limit:
        lanczos.advance()
        bar.update()
        if lanczos.taken >= k and _settled(lanczos, k, which, tolerance):
            break
    return lanczos


def _settled(lanczos: Lanczos, k: int, which: str, tolerance: float) -> bool:
    values, vectors = lanczos.ritz()
    wanted = _order(values, which)[:k]
    return bool((lanczos.residuals(vectors)[wanted] <= tolerance * values.abs().max()).all())


def _collect(lanczos: Lanczos, k: int, which: str, tolerance: float) -> Eigenvalues:
    values, vectors = lanczos.ritz()
    wanted = _order(values, which)[:k]
    residuals = lanczos.residuals(vectors)[wanted]
    basis = lanczos.basis[: lanczos.taken]
    return Eigenvalues(
        values=values[wanted],
        vectors=vectors[:, wanted].T.to(basis) @ basis,
        residuals=residuals,
        hvps=lanczos.taken,
        which=which,
        converged=bool((residuals <= tolerance * values.abs().max()).all()),
    )


def _order(values: torch.Tensor, which: str) -> torch.Tensor:
    if which == "LM":
        return values.abs().argsort(descending=True)
    return values.argsort(descending=which == "LA")
