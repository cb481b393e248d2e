"""Two controls for "it is the zeroth order": the same steps from a noisy gradient, and from none.

A two-point estimate with Gaussian directions has variance (||g||^2 + g_i^2) / q a coordinate. What
remains of zeroth order when only that noise is kept, or only the size of its steps?
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from unlearnkit.errors import require_integer
from unlearnkit.optim.closures import run_closure
from unlearnkit.optim.zeroth_order.refined_moments import Closure, RefinedMoments
from unlearnkit.randomness import generator


class NoiseMatched(RefinedMoments):
    """First order with zeroth order's noise: the exact gradient plus N(0, ||g||^2 / q) a weight.

    It takes AdaZO's rule, so its steps have AdaZO's size; what differs is where the gradient
    comes from.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr, betas, eps : as AdaZO's
    queries : int
        The q whose noise is matched.
    seed : int
        Decides the noise.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.ones(2)); w.grad = torch.zeros(2)
    >>> NoiseMatched([w], lr=0.1).step()      # no gradient, no noise, no step
    >>> w.tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        queries: int = 4,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        seed: int = 0,
    ) -> None:
        require_integer("queries", queries, minimum=1)
        self.queries = queries
        super().__init__(params, lr, betas=betas, eps=eps, seed=seed)

    @torch.no_grad()
    def step(self, closure: Closure = None) -> Any:
        """Take one step; an optional closure computes the loss and its gradients, as in torch."""
        loss = run_closure(closure, self)
        given = {weight: weight.grad for weight in self.weights if weight.grad is not None}
        square = sum(float(g.double().square().sum()) for g in given.values())
        source = self._noise(given)
        self.move({w: g.add(next(source), alpha=(square / self.queries) ** 0.5) for w, g in given.items()})
        return loss

    def _noise(self, weights: Iterable[torch.Tensor]) -> Any:
        sources: dict[torch.device, torch.Generator] = {}
        for w in weights:
            if w.device not in sources:
                sources[w.device] = generator(self.seed, "noise", self.steps_taken, device=w.device)
            yield torch.randn(w.shape, generator=sources[w.device], device=w.device, dtype=w.dtype)


class RandomWalk(NoiseMatched):
    """Steps of AdaZO's size and memory in directions that know nothing of the loss.

    Parameters
    ----------
    params, lr, betas, eps, seed : as AdaZO's
    """

    @torch.no_grad()
    def step(self, closure: Closure = None) -> Any:
        """Take one step; gradients, if there are any, are not looked at."""
        loss = run_closure(closure, self)
        weights = self.weights
        self.move(dict(zip(weights, self._noise(weights), strict=True)))
        return loss
