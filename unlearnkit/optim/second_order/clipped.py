"""A clipped step: no weight moves by more than the rate, and how many move by just that is told.

    theta <- theta - lr clip(r, 1)

Where |r| >= 1 the step is lr sign(r): sign descent. A second-order optimizer whose coordinates all clip
is a sign optimizer, whatever it spent on the curvature; hence the share of those that do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from unlearnkit.errors import require_positive
from unlearnkit.optim.checked import Checked, check_betas


class Clipped(Checked):
    """An optimizer of clipped steps; `clipped_share` tells of the last one.

    Attributes
    ----------
    clipped_share : float in [0, 1], or None before the first step
        The share of all coordinates that the last step clipped: 1 is sign descent.
    """

    extra_state: ClassVar[tuple[str, ...]] = ("clipped_share",)
    clipped_share: float | None = None

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate, a beta, an eps or a decay out of range."""
        super().check(options)
        check_betas(options["betas"])
        require_positive("eps", options["eps"])
        require_positive("weight_decay", options["weight_decay"], zero_allowed=True)

    @staticmethod
    def move(weight: torch.Tensor, ratio: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        """Decay a weight, apart from its gradient, and step; return how many coordinates clip."""
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(ratio.clamp(-1, 1), alpha=-group["lr"])
        return (ratio.abs() >= 1).sum()

    def tell_share(self, clipped: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> None:
        """Keep what share of the weights' coordinates clipped, from their number a weight."""
        if weights:
            total = sum(weight.numel() for weight in weights)
            counts = torch.stack([count.to(clipped[0].device) for count in clipped])
            self.clipped_share = int(counts.sum()) / total
