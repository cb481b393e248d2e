"""Sophia: momentum over an estimate of the curvature's diagonal, clipped to the rate.

Liu, Li, Hall, Liang, Ma, "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model
Pre-training" (2305.14342), Algorithm 3, at step t = 1, 2, …:

    m <- b1 m + (1 - b1) g
    h <- b2 h + (1 - b2) ĥ          at steps 1, 1 + k, 1 + 2k, …
    theta <- theta - lr decay theta
    theta <- theta - lr clip(m / max(gamma h, eps), 1)

Neither average is corrected for its start from zero. With k = 10 and b2 = 0.99, after 50 steps h has 5 % of
the curvature, while m has 87 % of the gradient: runs as short as unlearning's clip nearly everywhere, and
what clips is sign descent. `clipped_share` tells. On the lab's model (NPO, these settings) 96 to 100 % of the
coordinates clip, and 20 steps of Sophia-H end where 20 of Signum with its momentum do: their displacements
have a cosine of 0.99.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_integer, require_one_of, require_positive
from unlearnkit.optim.closures import gradients_found, term
from unlearnkit.optim.gradient_norm import shortened
from unlearnkit.optim.second_order.clipped import Clipped
from unlearnkit.optim.second_order.gauss_newton_bartlett import gauss_newton_bartlett
from unlearnkit.optim.second_order.hutchinson import PRODUCT, hutchinson

GAMMA = {"hutchinson": 0.01, "gauss_newton_bartlett": 0.05}
Closure = Callable[[], Any] | None
Look = tuple[torch.Tensor, list[torch.Tensor | None], list[torch.Tensor] | None]


class Sophia(Clipped):
    """Step by at most `lr` against momentum over curvature; where that is negative or small, by its sign.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        The most that a weight changes in a step.
    estimator : {"hutchinson", "gauss_newton_bartlett"}
        Where ĥ comes from. "hutchinson" (the paper's Sophia-H; `sophia` in the catalogue) is of the loss
        itself, by a Hessian-vector product. "gauss_newton_bartlett" (Sophia-G; `sophia_g`) is of the
        model's likelihood, by labels that it draws; it needs `LossClosure.sampled`.
    betas, eps : the paper's
    gamma : float, optional
        How much of the curvature divides; the paper's if not given: 0.01 for Sophia-H, 0.05 for Sophia-G.
    every : int
        Steps from one estimate to the next, the paper's k: 10.
    weight_decay : float
        Decoupled. The paper trains with 0.2; here as elsewhere there is none unless asked for.
    max_grad_norm : float or None
        The step's gradient is scaled down to this L2 norm, as in the paper (1.0); the curvature is not.
    seed : int
        Decides the draws of the estimator.

    Attributes
    ----------
    clipped_share : float in [0, 1], or None before the first step
        The share of coordinates that the last step clipped.

    Raises
    ------
    WrongClosure
        When `step` gets no closure, one that calls backward, or one without the part that it needs.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> sophia = Sophia([w], lr=0.5, gamma=1.0, betas=(0.0, 0.0), max_grad_norm=None)
    >>> loss = sophia.step(lambda: (w * w * torch.tensor([5.0, 0.1])).sum())   # Newton's steps: 3 and -4
    >>> w.tolist(), sophia.clipped_share
    ([2.5, -3.5], 1.0)
    """

    needs_closure = "loss"
    extra_state = (*Clipped.extra_state, "steps_taken")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        *,
        estimator: str = "hutchinson",
        betas: tuple[float, float] = (0.96, 0.99),
        gamma: float | None = None,
        every: int = 10,
        eps: float = 1e-12,
        weight_decay: float = 0.0,
        max_grad_norm: float | None = 1.0,
        seed: int = 0,
    ) -> None:
        require_one_of("estimator", estimator, GAMMA)
        require_integer("every", every, minimum=1)
        require_integer("seed", seed)
        if max_grad_norm is not None:
            require_positive("max_grad_norm", max_grad_norm)
        self.estimator, self.every, self.max_grad_norm, self.seed = estimator, every, max_grad_norm, int(seed)
        self.steps_taken = 0
        gamma = GAMMA[estimator] if gamma is None else gamma
        options = {"lr": lr, "betas": betas, "gamma": gamma, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options)

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for an option out of range."""
        super().check(options)
        require_positive("gamma", options["gamma"])

    @property
    def forward_equivalents(self) -> float:
        """Of a step, on average: a pass and its backward, and every so often an estimate."""
        return 3 + (PRODUCT if self.estimator == "hutchinson" else 3) / self.every

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step; the closure returns the loss and calls no backward. Returns the loss."""
        weights = self.weights
        loss, gradient, curvature = self._look(closure, weights)
        self._move(weights, shortened(gradient, self.max_grad_norm), curvature)
        if curvature is not None and self.estimator == "hutchinson":
            self.extra_forward_equivalents += PRODUCT
        self.steps_taken += 1
        return loss

    def _look(self, closure: Closure, weights: list[torch.Tensor]) -> Look:
        """The loss, its gradient, and where it is due, the curvature; nothing changes yet."""
        due = self.steps_taken % self.every == 0
        draws: dict[str, Any] = {"seed": self.seed, "step": self.steps_taken, "name": "Sophia"}
        if self.estimator == "gauss_newton_bartlett":
            if closure is not None:
                term(closure, "sampled", "Sophia")  # before any work
            loss, gradient = gradients_found(closure, weights, "Sophia")
            return loss, gradient, gauss_newton_bartlett(closure, weights, **draws) if due else None
        if due:
            return hutchinson(closure, weights, **draws)
        return *gradients_found(closure, weights, "Sophia"), None

    @torch.no_grad()
    def _move(
        self,
        weights: list[torch.Tensor],
        gradient: list[torch.Tensor | None],
        curvature: list[torch.Tensor] | None,
    ) -> None:
        groups = {weight: group for group in self.param_groups for weight in group["params"]}
        moved = [(place, weights[place], g) for place, g in enumerate(gradient) if g is not None]
        clipped = []
        for place, weight, g in moved:
            group, state = groups[weight], self.state[weight]
            if not state:
                state["m"], state["h"] = torch.zeros_like(weight), torch.zeros_like(weight)
            b1, b2 = group["betas"]
            m = state["m"].lerp_(g, 1 - b1)
            if curvature is not None:
                state["h"].lerp_(curvature[place], 1 - b2)
            ratio = m / (group["gamma"] * state["h"]).clamp(min=group["eps"])
            clipped.append(self.move(weight, ratio, group))
        self.tell_share(clipped, [weight for _, weight, _ in moved])
