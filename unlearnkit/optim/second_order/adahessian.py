"""AdaHessian: Adam with the Hessian's diagonal where Adam has the gradient, in the second moment.

Yao, Gholami, Shen, Mustafa, Keutzer, Mahoney, "ADAHESSIAN: An Adaptive Second Order Optimizer for Machine
Learning" (2006.00719), Algorithm 1, at step t = 1, 2, …, with D Hutchinson's estimate of the diagonal:

    m <- b1 m + (1 - b1) g
    v <- b2 v + (1 - b2) D * D
    theta <- theta - lr [m / (1 - b1^t)] / {[v / (1 - b2^t)]^(power / 2) + eps}

Squared, a negative curvature counts like a positive one. Nothing but eps bounds a step where an estimate is
small beside the gradient (Sophia clips there), and of one draw some always are: on the lab's model, with eps
1e-8 and a rate of 0.001, single weights move by 3 in 20 steps; with 1e-4 none by more than 0.02.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_fraction, require_integer, require_positive
from unlearnkit.optim.checked import Checked, check_betas
from unlearnkit.optim.closures import gradients_found
from unlearnkit.optim.gradient_norm import shortened
from unlearnkit.optim.second_order.hutchinson import PRODUCT, hutchinson

Closure = Callable[[], Any] | None


class AdaHessian(Checked):
    """Step against momentum over the root mean square of the Hessian's diagonal.

    Parameters
    ----------
    params : iterable of Tensor or of dict
    lr : float
        1 would be Newton's step on a quadratic without coupling, at power 1. The paper's image models have
        0.15.
    betas : the paper's
    power : float in (0, 1]
        Of the curvature, the paper's k; the nearer to 0, the less the curvature says.
    block : int, optional
        Spatial averaging: D is replaced by its mean over so many neighbours in each weight, in the order of
        memory (the last block may be shorter). The paper averages, over a convolution's kernel (9 for 3 x 3)
        and over blocks of neighbours in matrices; its size for matrices is to be tuned. Here it is off
        unless asked for.
    every : int
        Steps from one estimate to the next. The bias correction of v counts estimates, not steps. A weight
        that comes later stays where it is until the next one.
    eps : float
        Added to the denominator. The paper's algorithm has none, its authors' code 1e-4.
    weight_decay : float
        Decoupled, as in AdamW: theta <- theta * (1 - lr * weight_decay) before the step.
    max_grad_norm : float or None
        The step's gradient is scaled down to this L2 norm; the curvature is not.
    seed : int
        Decides the draws of the estimator.

    Raises
    ------
    WrongClosure
        When `step` gets no closure, or one that calls backward.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.tensor([3.0, -4.0]))
    >>> adahessian = AdaHessian([w], lr=0.5, max_grad_norm=None)
    >>> loss = adahessian.step(lambda: (w * w * torch.tensor([5.0, 0.1])).sum())   # half of Newton's step
    >>> w.tolist()
    [1.500, -2.00]
    """

    needs_closure = "loss"
    extra_state = ("steps_taken",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.15,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        power: float = 1.0,
        block: int | None = None,
        every: int = 1,
        eps: float = 1e-4,
        weight_decay: float = 0.0,
        max_grad_norm: float | None = 1.0,
        seed: int = 0,
    ) -> None:
        require_integer("every", every, minimum=1)
        require_integer("seed", seed)
        if max_grad_norm is not None:
            require_positive("max_grad_norm", max_grad_norm)
        self.every, self.max_grad_norm, self.seed, self.steps_taken = every, max_grad_norm, int(seed), 0
        rule = {"betas": betas, "power": power, "block": block, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **rule})

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for an option out of range."""
        super().check(options)
        check_betas(options["betas"])
        require_fraction("power", options["power"], one_allowed=True)
        require_positive("eps", options["eps"])
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)
        if options["block"] is not None:
            require_integer("block", options["block"], minimum=1)

    @property
    def forward_equivalents(self) -> float:
        """Of a step, on average: a pass and its backward, and every so often a Hessian-vector product."""
        return 3 + PRODUCT / self.every

    def step(self, closure: Closure = None) -> torch.Tensor:  # type: ignore[override]
        """Take one step; the closure returns the loss and calls no backward. Returns the loss."""
        weights = self.weights
        if self.steps_taken % self.every == 0:
            loss, gradient, diagonal = hutchinson(
                closure, weights, seed=self.seed, step=self.steps_taken, name="AdaHessian"
            )
            self.extra_forward_equivalents += PRODUCT
        else:
            loss, gradient = gradients_found(closure, weights, "AdaHessian")
            diagonal = []
        self._move(weights, shortened(gradient, self.max_grad_norm), diagonal)
        self.steps_taken += 1
        return loss

    @torch.no_grad()
    def _move(
        self, weights: list[torch.Tensor], gradient: list[torch.Tensor | None], diagonal: list[torch.Tensor]
    ) -> None:
        groups = {weight: group for group in self.param_groups for weight in group["params"]}
        for place, weight in enumerate(weights):
            slope, state, group = gradient[place], self.state[weight], groups[weight]
            if slope is None or not (state or diagonal):
                continue  # without an estimate yet it would be divided by a curvature of zero
            if not state:
                state |= {"m": torch.zeros_like(weight), "v": torch.zeros_like(weight)}
                state |= {"steps": 0, "estimates": 0}
            b1, b2 = group["betas"]
            state["m"].lerp_(slope, 1 - b1)
            state["steps"] += 1
            if diagonal:
                d = averaged(diagonal[place], group["block"])
                state["v"].mul_(b2).addcmul_(d, d, value=1 - b2)
                state["estimates"] += 1
            _take(weight, state, group)


def _take(weight: torch.Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Decay a weight, then move it by what its two moments say."""
    b1, b2 = group["betas"]
    curvature = (state["v"] / (1 - b2 ** state["estimates"])).pow_(group["power"] / 2)
    weight.mul_(1 - group["lr"] * group["weight_decay"])
    rate = group["lr"] / (1 - b1 ** state["steps"])
    weight.addcdiv_(state["m"], curvature.add_(group["eps"]), value=-rate)


def averaged(diagonal: torch.Tensor, block: int | None) -> torch.Tensor:
    """Each value replaced by the mean of its block of neighbours; see `AdaHessian`.

    Examples
    --------
    >>> import torch
    >>> averaged(torch.tensor([[1.0, 3.0], [5.0, 7.0], [9.0, 8.0]]), 4).tolist()
    [[4.0, 4.0], [4.0, 4.0], [8.5, 8.5]]
    """
    if block is None:
        return diagonal
    flat = diagonal.flatten()
    whole, rest = flat.split([flat.numel() // block * block, flat.numel() % block])
    means = whole.view(-1, block).mean(dim=1).repeat_interleave(block)
    return torch.cat([means, rest.mean().expand_as(rest)]).view_as(diagonal)
