"""The density of all eigenvalues, by stochastic Lanczos quadrature, with a band over runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm

from unlearnkit.errors import require_integer, require_positive
from unlearnkit.flatness.lanczos import Lanczos
from unlearnkit.flatness.matrices import matrix_of
from unlearnkit.flatness.memory import require_room
from unlearnkit.flatness.symmetric import Symmetric, drawn, vector_bytes
from unlearnkit.flatness.tables import html_table
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

FOR_PRODUCTS = 6  # vectors that one product holds on its way

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Density:
    """Density over a grid: the mean over runs and the band from the lowest to the highest run.

    grid : (points,) eigenvalues. mean, low, high : (points,), a share of all weights per unit of eigenvalue.
    """

    grid: Array
    mean: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Quadrature nodes and weights of several runs.

    Attributes
    ----------
    nodes : list of array, a run each, ascending
        Approximate eigenvalues.
    weights : list of array
        The share of all eigenvalues that each node stands for; a run's sum to 1.
    parameters : int
    hvps : int
        Products that it took.
    matrix : str
        Whose spectrum it is: "Hessian", "Gauss-Newton matrix".
    """

    nodes: list[Array]
    weights: list[Array]
    parameters: int
    hvps: int
    matrix: str = "Hessian"

    def density(self, *, width: float | None = None, points: int = 401) -> Density:
        """The density smoothed by normal curves of a standard deviation.

        Parameters
        ----------
        width : float, optional
            In units of eigenvalue; 1 % of the range if not given.
        points : int
            Of the grid, which reaches 4 widths beyond the outermost nodes.
        """
        require_integer("points", points, minimum=2)
        every = np.concatenate(self.nodes)
        span = float(every.max() - every.min()) or 1.0
        width = 0.01 * span if width is None else width
        require_positive("width", width)
        grid = np.linspace(every.min() - 4 * width, every.max() + 4 * width, points)
        runs = np.stack([_smoothed(grid, n, w, width) for n, w in zip(self.nodes, self.weights, strict=True)])
        return Density(grid, runs.mean(axis=0), runs.min(axis=0), runs.max(axis=0))

    def share(self, low: float, high: float) -> tuple[float, float, float]:
        """The share of eigenvalues between two values: mean over runs, lowest, highest."""
        shares = [
            float(w[(n >= low) & (n <= high)].sum()) for n, w in zip(self.nodes, self.weights, strict=True)
        ]
        return float(np.mean(shares)), min(shares), max(shares)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "nodes": [run.tolist() for run in self.nodes],
            "weights": [run.tolist() for run in self.weights],
            "parameters": self.parameters,
            "hvps": self.hvps,
            "matrix": self.matrix,
        }

    def _repr_html_(self) -> str:
        every = np.concatenate(self.nodes)
        mean, low, high = self.share(-np.inf, 0.0)
        rows = [
            ("smallest node", f"{every.min():.4g}"),
            ("largest node", f"{every.max():.4g}"),
            ("share at or below 0", f"{mean:.0%} ({low:.0%} to {high:.0%} over runs)"),
        ]
        title = f"spectrum of the {self.matrix}, {len(self.nodes)} runs, {self.hvps} products"
        return html_table(title, ("", ""), rows)


def spectrum(
    loss: TokenMeanLoss,
    *,
    runs: int = 5,
    steps: int = 60,
    matrix: str = "hessian",
    seed: int = 0,
    progress: bool = False,
) -> Spectrum:
    """The spectral density of the Hessian of a loss.

    Stochastic Lanczos quadrature (Ubaru, Chen, Saad 2017; Ghorbani et al. 2019, 1901.10159): the nodes
    are the eigenvalues of the tridiagonal matrix from a random start, the weights the squared first
    coordinates of its eigenvectors. Basis vectors are fully re-orthogonalised, so more steps bring no ghosts.

    Parameters
    ----------
    loss : TokenMeanLoss
    runs : int
        Independent starts; the band is over them.
    steps : int
        Products a run; at most the number of weights.
    matrix : {"hessian", "gauss_newton"}
        The Gauss-Newton matrix is the Hessian's part that is never negative; see `GaussNewton`.
    seed : int
    progress : bool

    Returns
    -------
    Spectrum

    Raises
    ------
    BadInput
        For a basis that does not fit into memory, or a loss without such a matrix.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = spectrum(loss, runs=2, steps=3)
    >>> [round(float(weights.sum()), 6) for weights in found.weights]
    [1.0, 1.0]
    """
    return quadrature(matrix_of(loss, matrix), runs=runs, steps=steps, seed=seed, progress=progress)


def quadrature(
    matrix: Symmetric, *, runs: int = 5, steps: int = 60, seed: int = 0, progress: bool = False
) -> Spectrum:
    """The spectral density of any symmetric matrix; see `spectrum`."""
    require_integer("runs", runs, minimum=1)
    require_integer("steps", steps, minimum=1)
    steps = min(steps, matrix.size)
    needed = (steps + FOR_PRODUCTS) * vector_bytes(matrix)
    require_room(
        f"{steps} basis vectors of {matrix.size:,} numbers", needed, matrix.device,
        way_out="give fewer steps, or freeze parameters with requires_grad_(False)",
    )  # fmt: skip
    sources = [generator(seed, "spectrum", run) for run in range(runs)]
    nodes, weights, taken = [], [], 0
    with (
        matrix.cached(beside=needed),
        tqdm(total=runs * steps, desc="spectrum", disable=not progress, leave=False) as bar,
    ):
        for source in sources:
            lanczos = _one_run(matrix, steps, source, bar)
            values, vectors = lanczos.ritz()
            nodes.append(values.numpy())
            weights.append(vectors[0].square().numpy())
            taken += lanczos.taken
    return Spectrum(nodes, weights, matrix.size, taken, matrix.name)


def _one_run(matrix: Symmetric, steps: int, source: torch.Generator, bar: Any) -> Lanczos:
    lanczos = Lanczos(matrix.__matmul__, drawn(matrix, source), steps, source)
    # An exhausted subspace has all that this start can see.
    while lanczos.taken < steps and not lanczos.exhausted:
        lanczos.advance()
        bar.update()
    return lanczos


def _smoothed(grid: Array, nodes: Array, weights: Array, width: float) -> Array:
    distance = (grid[:, None] - nodes[None]) / width
    smoothed: Array = (weights * np.exp(-(distance**2) / 2)).sum(axis=1) / (width * np.sqrt(2 * np.pi))
    return smoothed
