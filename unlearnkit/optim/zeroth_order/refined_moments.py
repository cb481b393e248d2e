"""R-AdaZO's moments: the second moment is the average of the first one squared.

Shu et al., "Refining Adaptive Zeroth-Order Optimization at Ease" (2502.01014):

    m <- b1 m + (1 - b1) g,    v <- b2 v + (1 - b2) m^2,    theta <- theta - lr m / (sqrt(v) + eps)

ZO-AdaMM averages g^2 instead. There is no bias correction: the first step is lr / sqrt(1 - b2) a
weight, ten times lr at b2 = 0.99, and the next ones shrink from there. With `bias_correction`, which
is not the paper's, every m is replaced by m / (1 - b1^t) and v by v / (1 - b2^t): the first step is lr, and
as long as the gradient stays the same so are all others. (Correcting m and v as Adam does, with v
averaged from the m that is not corrected, would make the first step lr / (1 - b1).)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from unlearnkit.errors import require_integer, require_positive
from unlearnkit.optim.checked import Checked, check_betas


class RefinedMoments(Checked):
    """An optimizer whose steps follow R-AdaZO's rule, whatever its gradient comes from.

    AdaZO feeds the rule a zeroth-order estimate. Its controls feed it something else, and so take steps
    of the same size with the same memory.
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
        check_moments(options)

    @torch.no_grad()
    def move(self, gradient: dict[torch.Tensor, torch.Tensor]) -> None:
        """Take the step that the rule makes of a gradient by weight."""
        self.steps_taken += 1
        for group in self.param_groups:
            for weight in group["params"]:
                if weight in gradient:
                    refine(weight, gradient[weight], self.state[weight], group)


def refine(weight: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Move one weight by the rule, in place; `group` tells lr, betas, eps and, maybe, bias_correction."""
    if "m" not in state:
        state["m"], state["v"] = torch.zeros_like(weight), torch.zeros_like(weight)
    b1, b2 = group["betas"]
    m, v = state["m"].lerp_(g, 1 - b1), state["v"]
    if group.get("bias_correction"):
        state["taken"] = t = state.get("taken", 0) + 1
        m = m / (1 - b1**t)
        v.mul_(b2).addcmul_(m, m, value=1 - b2)
        weight.addcdiv_(m, (v / (1 - b2**t)).sqrt_().add_(group["eps"]), value=-group["lr"])
        return
    v.mul_(b2).addcmul_(m, m, value=1 - b2)
    weight.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-group["lr"])


def check_moments(options: dict[str, Any]) -> None:
    """Raise BadInput unless eps is positive and betas are two numbers in [0, 1)."""
    require_positive("eps", options["eps"])
    check_betas(options["betas"])


Closure = Callable[[], Any] | None
