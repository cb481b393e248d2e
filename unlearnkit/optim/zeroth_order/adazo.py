"""AdaZO: zeroth-order steps with R-AdaZO's moments.

arXiv 2510.00761 names "AdaZO" without its settings; the best reading is R-AdaZO (Shu et al.,
2502.01014) on a two-point central difference over directions on the sphere. An inference, not a fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from unlearnkit.errors import require_integer, require_positive
from unlearnkit.optim.zeroth_order.directions import Directions
from unlearnkit.optim.zeroth_order.refined_moments import Closure, RefinedMoments
from unlearnkit.optim.zeroth_order.two_point import two_point


class AdaZO(RefinedMoments):
    """Zeroth order: each step looks at the loss in 2 `queries` places and at no gradient.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The change of a weight in a step, nearly; the first step is lr / sqrt(1 - b2), see
        `unlearnkit.optim.zeroth_order.refined_moments`.
    queries : int
        Directions a step; each costs two forward passes.
    radius : float
        How far each weight is moved to look, in root mean square; the L2 radius is `radius_l2`.
    directions : {"sphere", "gaussian", "rademacher"}
    rank, density : optional
        Look within a subspace only; see `unlearnkit.optim.Directions`. With `density` the steps keep to it,
        too. With `rank` only the first moment does: dividing it by sqrt(v) leads out.
    betas, eps : R-AdaZO's; its paper has b2 = 0.99.
    seed : int
        Decides the directions.

    Raises
    ------
    WrongClosure
        When `step` gets no closure, or one that calls backward.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> adazo = AdaZO([w], lr=0.05, queries=8)
    >>> for _ in range(200): loss = adazo.step(lambda: w.square().sum())
    >>> bool(w.abs().max() < 0.5)
    True
    """

    needs_closure = "loss"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        queries: int = 4,
        radius: float = 1e-3,
        directions: str = "sphere",
        rank: int | None = None,
        density: float | None = None,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        seed: int = 0,
    ) -> None:
        require_integer("queries", queries, minimum=1)
        require_positive("radius", radius)
        self.queries, self.radius = queries, radius
        self.directions = Directions(directions, rank=rank, density=density, seed=seed)
        super().__init__(params, lr, betas=betas, eps=eps, seed=seed)

    @property
    def forward_equivalents(self) -> float:
        """Of a step: two forward passes a query."""
        return 2.0 * self.queries

    @property
    def radius_l2(self) -> float:
        """The length of the step that each query looks along: radius * sqrt(weights that move)."""
        moved = sum(weight.numel() for weight in self.weights) * (self.directions.density or 1.0)
        return float(self.radius * moved**0.5)

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step; the closure returns the loss and calls no backward.

        Returns the mean loss over the places looked at.
        """
        weights = self.weights
        loss, gradient = two_point(
            closure, weights, directions=self.directions, queries=self.queries, radius=self.radius,
            step=self.steps_taken, name="AdaZO",
        )  # fmt: skip
        self.move(dict(zip(weights, gradient, strict=True)))
        return loss
