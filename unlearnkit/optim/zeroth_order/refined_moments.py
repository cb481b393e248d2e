"""R-AdaZO's moments: the second moment is the average of the first one squared.

Shu et al., "Refining Adaptive Zeroth-Order Optimization at Ease" (2502.01014):

    m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) m^2,    theta <- theta - lr m / (sqrt(v) + eps)

ZO-AdaMM averages g^2 instead. There is no bias correction: the first step is lr / sqrt(1 - b2) a
weight, ten times lr at b2 = 0.99, and the next ones shrink from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_fraction, require_integer, require_positive
from unlearnkit.optim.checked import Checked


class RefinedMoments(Checked):
    """An optimizer whose steps follow R-AdaZO's rule, whatever its gradient comes from.

    AdaZO feeds it a two-point estimate. Its controls feed it something else, and so take steps of
    the same size with the same memory.
    """

    extra_state = ("steps_taken",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        *,
        betas: tuple[float, float],
        eps: float,
        seed: int,
        **more: Any,
    ) -> None:
        require_integer("seed", seed)
        self.seed, self.steps_taken = int(seed), 0
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, **more})

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a beta or an eps out of range."""
        super().check(options)
        require_positive("eps", options["eps"])
        check_betas(options["betas"])

    @torch.no_grad()
    def move(self, gradient: dict[torch.Tensor, torch.Tensor]) -> None:
        """Take the step that the rule makes of a gradient by weight."""
        self.steps_taken += 1
        for group in self.param_groups:
            for weight in group["params"]:
                if weight in gradient:
                    self._move(weight, gradient[weight], group)

    def _move(self, weight: torch.Tensor, g: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["m"], state["v"] = torch.zeros_like(weight), torch.zeros_like(weight)
        b1, b2 = group["betas"]
        m = state["m"].lerp_(g, 1 - b1)
        v = state["v"].mul_(b2).addcmul_(m, m, value=1 - b2)
        weight.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-group["lr"])


def check_betas(betas: Any) -> None:
    """Raise BadInput unless these are two numbers in [0, 1)."""
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise BadInput(f"betas: two numbers are needed, (b1, b2), but {betas!r} was given")
    for name, beta in zip(("betas[0]", "betas[1]"), betas, strict=True):
        require_fraction(name, beta, zero_allowed=True)


Closure = Callable[[], Any] | None
