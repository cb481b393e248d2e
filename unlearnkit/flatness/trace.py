"""The Hessian's trace, sampled, with an interval."""

from __future__ import annotations

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import require_integer, require_one_of
from unlearnkit.flatness.estimate import Estimate, mean_of
from unlearnkit.flatness.hessian import Hessian
from unlearnkit.flatness.memory import require_room
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

METHODS = ("hutchinson", "hutch++")


def trace(
    loss: TokenMeanLoss,
    *,
    samples: int = 100,
    method: str = "hutchinson",
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
        Hessian-vector products.
    method : {"hutchinson", "hutch++"}
        Hutch++ (Meyer, Musco, Musco, Woodruff 2021, 2010.09649) spends two thirds of the products on a
        subspace of rank samples / 3, whose trace it takes exactly. On flat, indefinite spectra, as those of
        transformers are, it loses; its interval is that of the rest.
    seed : int
    progress : bool

    Returns
    -------
    Estimate
        `.estimate`, `.stderr`, `.interval`.

    Raises
    ------
    BadInput
        For fewer than 2 samples (6 for Hutch++), or a loss without a Hessian.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = trace(loss, samples=4)
    >>> found.interval[0] < found.estimate < found.interval[1]
    True
    """
    require_one_of("method", method, METHODS)
    require_integer("samples", samples, minimum=2 if method == "hutchinson" else 6)
    hessian, source = Hessian(loss), generator(seed, "trace")
    with hessian.cached(), tqdm(total=samples, desc="trace", disable=not progress, leave=False) as bar:
        if method == "hutchinson":
            values = [_quadratic(hessian, _signs(hessian, source), bar) for _ in range(samples)]
            return mean_of("trace of the Hessian", values, hvps=hessian.products)
        return _hutch_plus_plus(hessian, samples, source, bar)


def _signs(hessian: Hessian, source: torch.Generator) -> torch.Tensor:
    drawn = torch.randint(0, 2, (hessian.size,), generator=source, dtype=torch.int8)
    return drawn.to(hessian.device, hessian.dtype).mul_(2).sub_(1)


def _quadratic(hessian: Hessian, vector: torch.Tensor, bar: tqdm) -> float:
    bar.update()
    return float((vector.double() * (hessian @ vector).double()).sum())


def _hutch_plus_plus(hessian: Hessian, samples: int, source: torch.Generator, bar: tqdm) -> Estimate:
    rank = samples // 3
    needed = 3 * rank * hessian.size * hessian.weights[0].element_size()
    require_room(f"a subspace of rank {rank}", needed, hessian.device, way_out="give fewer samples")
    products = []
    for _ in range(rank):
        products.append(hessian @ _signs(hessian, source))
        bar.update()
    basis = torch.linalg.qr(torch.stack(products, dim=1))[0]
    known = sum(_quadratic(hessian, column, bar) for column in basis.T)
    rest = []
    for _ in range(samples - 2 * rank):
        vector = _signs(hessian, source)
        rest.append(_quadratic(hessian, vector - basis @ (basis.T @ vector), bar))
    return mean_of("trace of the Hessian (Hutch++)", rest, offset=known, hvps=hessian.products)
