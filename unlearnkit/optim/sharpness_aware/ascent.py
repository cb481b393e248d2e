"""The gradient where the loss is highest nearby, to first order: what SAM and ASAM have in common.

Within ||eps / T|| <= rho the linear part gT eps is highest at eps = rho T^2 g / ||T g||.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.optim.sharpness_aware.nearby import ByWeight, NearbyGradient, length


class Ascent(NearbyGradient):
    """Look at the weights, then where that gradient leads up to. T is 1 where a subclass has no other."""

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a rate or a distance out of range."""
        super().check(options)
        require_positive("rho", options["rho"], zero_allowed=True)

    def around(self, part: Callable[[], torch.Tensor], kept: ByWeight) -> tuple[torch.Tensor, ByWeight]:
        """The loss at the weights, and the gradient rho away from them."""
        loss, gradient = self.look(part)
        self._ascend(kept, gradient)
        del gradient  # before there is a second one
        return loss, self.look(part)[1]

    def _ascend(self, kept: ByWeight, gradient: ByWeight) -> None:
        """Move every weight that has a gradient to theta + eps; nowhere from a place without a slope."""
        places = [(w, group) for group in self.param_groups for w in group["params"] if w in gradient]
        slope = length(self._stretched(kept[w], gradient[w], group) for w, group in places)
        if slope == 0:
            return
        for w, group in places:
            once = self._stretched(kept[w], gradient[w], group)
            eps = self._stretched(kept[w], once, group)
            torch.add(kept[w], eps, alpha=group["rho"] / slope, out=w)

    def _stretched(self, weight: torch.Tensor, vector: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
        """T times the vector."""
        return vector
