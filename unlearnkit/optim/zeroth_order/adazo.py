"""AdaZO: zeroth-order steps with R-AdaZO's moments.

arXiv 2510.00761 names "AdaZO" without its settings; the best reading is R-AdaZO (Shu et al.,
2502.01014) on a two-point central difference over directions on the sphere. An inference, not a fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from unlearnkit.errors import require_one_of
from unlearnkit.optim.zeroth_order.refined_moments import check_moments, refine
from unlearnkit.optim.zeroth_order.zeroth_order import ZerothOrder


class AdaZO(ZerothOrder):
    """Zeroth order: each step looks at the loss in 2 `queries` places and at no gradient.

        m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) m^2,    theta <- theta - lr m / (sqrt(v) + eps)

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The change of a weight in a step, nearly; the first step is lr / sqrt(1 - b2), see
        `unlearnkit.optim.zeroth_order.refined_moments`.
    queries, radius, directions, restore, difference, keep_directions, seed : as `ZerothOrder`'s
    rank, density : optional
        Look within a subspace only; see `unlearnkit.optim.Directions`. With `density` the steps keep to it,
        too. With `rank` only the first moment does: dividing it by sqrt(v) leads out.
    betas, eps : R-AdaZO's; its paper has b2 = 0.99.
    bias_correction : bool
        Not the paper's: both moments are divided by the weight that they have gathered so far, and the
        first step is lr.

    Raises
    ------
    WrongClosure
        When `step` gets no closure, or one that calls backward.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> adazo = AdaZO([w], lr=0.05, queries=8)
    >>> for _ in range(100): loss = adazo.step(lambda: w.square().sum())
    >>> bool(w.abs().max() < 0.5)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        queries: int = 4,
        radius: float = 1e-3,
        directions: str = "sphere",
        restore: str = "copy",
        difference: str = "central",
        rank: int | None = None,
        density: float | None = None,
        keep_directions: bool = False,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        bias_correction: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "bias_correction": bias_correction},
            queries=queries, radius=radius, directions=directions, restore=restore, difference=difference,
            rank=rank, density=density, keep_directions=keep_directions, seed=seed,
        )  # fmt: skip

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a beta or an eps out of range."""
        super().check(options)
        check_moments(options)
        require_one_of("bias_correction", options.get("bias_correction", False), (True, False))

    def move(
        self, weight: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """R-AdaZO's rule."""
        refine(weight, g, state, group)
