"""PyHessian on causal language models, made right, to stand beside our own numbers.

PyHessian 0.1 (Yao, Gholami, Keutzer, Mahoney 2020, 1912.07145) expects one input tensor and weighs batches by
their sequences; on today's torch its density fails, its trace stops at once when it is negative, and two of
its objects on one model see each other's gradients. Here it gets the batches' numbers for input, the loss's
own sums for output, and a criterion that makes their mean the exact token mean; gradients are cleared before
and after; draws are seeded; `torch.eig`, which is gone, is stood in for inside its module only. Its
algorithms (power iteration with deflation, Hutchinson, Lanczos quadrature) stay its own.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput, require_integer, require_positive
from unlearnkit.flatness.eigenvalues import Eigenvalues
from unlearnkit.flatness.estimate import Estimate, mean_of
from unlearnkit.flatness.hessian import Hessian
from unlearnkit.flatness.spectrum import Spectrum
from unlearnkit.randomness import generator, preserve_global_state
from unlearnkit.token_mean_loss import TokenMeanLoss

_ONE_AT_A_TIME = RLock()  # its module is patched while it runs


class PyHessian:
    """PyHessian's three estimates of a token-mean loss.

    Parameters
    ----------
    loss : TokenMeanLoss
    seed : int
        Decides its draws; the global random state is left as it was.

    Raises
    ------
    BadInput
        For what is no TokenMeanLoss (a generator of batches gives the bare library NaN), a loss that is not
        finite or has no second derivative, or one without gradient on some parameter, of which PyHessian
        makes an unrelated error.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = PyHessian(loss).eigenvalues(1, tolerance=1e-2)
    >>> bool(found.values[0] > 0)
    True
    """

    def __init__(self, loss: TokenMeanLoss, *, seed: int = 0) -> None:
        if not isinstance(loss, TokenMeanLoss):
            raise BadInput(
                f"loss must be a TokenMeanLoss(model, [batch, …]), but a {type(loss).__name__} was given"
            )
        require_integer("seed", seed)
        self.loss, self.seed = loss, seed
        self._hessian = Hessian(loss)
        _require_every_gradient(loss)
        # Our own product refuses what PyHessian makes NaN of, and what has no second derivative.
        _ = self._hessian @ flatten([torch.zeros_like(weight) for weight in loss.weights])

    def eigenvalues(self, k: int = 5, *, tolerance: float = 1e-3, max_iterations: int = 1000) -> Eigenvalues:
        """The k outermost by modulus, one after the other, by power iteration.

        Parameters
        ----------
        k : int
        tolerance : float
            Between two iterates in turn, relative: PyHessian's own rule (its default 1e-3), which is no bound
            on the error.
        max_iterations : int
            An eigenvalue.

        Returns
        -------
        Eigenvalues
            `hvps` counts PyHessian's products; the residuals are measured afterwards with our own.
            `converged` says whether they are within the tolerance, which they need not be.
        """
        require_integer("k", k, minimum=1, maximum=self._hessian.size)
        require_positive("tolerance", tolerance)
        require_integer("max_iterations", max_iterations, minimum=1)
        with self._library("eigenvalues") as (library, products):
            values, vectors = library.eigenvalues(maxIter=max_iterations, tol=tolerance, top_n=k)
        flat = torch.stack([flatten(vector) for vector in vectors])
        with self._hessian.cached():
            rests = [self._hessian @ v - value * v for v, value in zip(flat, values, strict=True)]
        residuals = torch.tensor([float(rest.double().norm()) for rest in rests], dtype=torch.float64)
        found = torch.tensor(values, dtype=torch.float64)
        within = bool((residuals <= tolerance * found.abs().max()).all())
        return Eigenvalues(found, flat, residuals, products[0], "LM", within)

    def trace(self, *, samples: int = 100) -> Estimate:
        """Hutchinson's mean with its standard error.

        PyHessian's early stop is switched off: it breaks off when the mean happens to stand still, and after
        2 samples whenever the trace is negative.
        """
        require_integer("samples", samples, minimum=2)
        with self._library("trace") as (library, products):
            values = library.trace(maxIter=samples, tol=-math.inf)
        return mean_of("trace of the Hessian (PyHessian)", values, hvps=products[0])

    def density(self, *, runs: int = 5, steps: int = 60) -> Spectrum:
        """Nodes and weights of Lanczos quadrature."""
        require_integer("runs", runs, minimum=1)
        require_integer("steps", steps, minimum=1, maximum=self._hessian.size)
        with self._library("density") as (library, products):
            nodes, weights = library.density(iter=steps, n_v=runs)
        return Spectrum(
            [np.asarray(run, dtype=np.float64) for run in nodes],
            [np.asarray(run, dtype=np.float64) for run in weights],
            self._hessian.size,
            products[0],
        )

    @contextmanager
    def _library(self, stream: str) -> Iterator[tuple[Any, list[int]]]:
        """PyHessian's object on the batches, and the count of its products; leaves all else as it was."""
        import pyhessian

        module = sys.modules["pyhessian.hessian"]
        model = self.loss.model
        products = [0]
        with (
            _ONE_AT_A_TIME,
            preserve_global_state(),
            self.loss.evaluating(),
            torch.enable_grad(),
            sdpa_kernel(SDPBackend.MATH),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", message="Using backward.. with create_graph")
            torch.manual_seed(generator(self.seed, "pyhessian", stream).initial_seed())
            grads = [parameter.grad for parameter in model.parameters()]
            own = module.torch, module.hessian_vector_product
            module.torch = _TorchWithEig()  # type: ignore[attr-defined]
            module.hessian_vector_product = _counted(own[1], products)  # type: ignore[attr-defined]
            try:
                model.zero_grad(set_to_none=True)
                yield self._object(pyhessian.hessian, products), products
            finally:
                module.torch, module.hessian_vector_product = own  # type: ignore[attr-defined]
                for parameter, grad in zip(model.parameters(), grads, strict=True):
                    parameter.grad = grad

    def _object(self, kind: Any, products: list[int]) -> Any:
        """PyHessian's own, on batches of one row each, so that its mean weighs all of them alike."""
        many, device = len(self.loss.batches), self.loss.device
        pairs = [(torch.tensor([n], device=device), torch.zeros(1, device=device)) for n in range(many)]
        share = self.loss.tokens / many
        cuda = device.type == "cuda"
        data = {"data": pairs[0]} if many == 1 else {"dataloader": pairs}
        made = kind(_ByNumber(self.loss), lambda out, y: out / share, cuda=cuda, **data)
        made.dataloader_hv_product = _counted(made.dataloader_hv_product, products)
        return made


def _require_every_gradient(loss: TokenMeanLoss) -> None:
    names = [name for name, weight in loss.model.named_parameters() if weight.requires_grad]
    for batch in range(len(loss.batches)):
        with loss.evaluating(), torch.enable_grad():
            found = torch.autograd.grad(loss.batch_sum(batch), loss.weights, allow_unused=True)
        without = [name for name, gradient in zip(names, found, strict=True) if gradient is None]
        if without:
            raise BadInput(
                f"loss: batches[{batch}] does not depend on {without[0]}, and PyHessian needs a gradient of "
                "every parameter; freeze that one with requires_grad_(False)"
            )


class _ByNumber(torch.nn.Module):
    """A loss's model that takes the number of a batch and says the loss's own sum over it."""

    def __init__(self, loss: TokenMeanLoss) -> None:
        super().__init__()
        self.loss, self.model = loss, loss.model

    def forward(self, number: torch.Tensor) -> torch.Tensor:
        """(1,) to a scalar."""
        return self.loss.batch_sum(int(number))


def _counted(function: Any, products: list[int]) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        """The function, and one more product."""
        products[0] += 1
        return function(*arguments, **named)

    return call


class _TorchWithEig:
    """torch, with the `eig` that it once had, for a symmetric matrix."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def eig(matrix: torch.Tensor, *, eigenvectors: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Eigenvalues, (n, 2) real and imaginary, and eigenvectors."""
        values, vectors = torch.linalg.eigh(matrix)
        return torch.stack([values, torch.zeros_like(values)], dim=1), vectors
