"""GradDiff: gradient ascent on what must be forgotten, descent on what must be kept.

Liu, Liu, Stone, "Continual Learning and Private Unlearning" (2022); as in TOFU (2401.06121):
L = -forget_weight * CE(forget) + retain_weight * CE(retain), both token means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.losses import mean_nll


@dataclass(frozen=True)
class GradDiff:
    """Loss of one forget batch and one retain batch, in nats a token.

    Its forget term has no lower bound: without a stop the model is destroyed. Lower means more
    forgotten or better kept.

    Parameters
    ----------
    forget_weight, retain_weight : float
        A forget weight of 0 leaves training on what must be kept, which is a control.
    """

    forget_weight: float = 1.0
    retain_weight: float = 1.0

    needs_reference = False

    def __post_init__(self) -> None:
        require_positive("forget_weight", self.forget_weight, zero_allowed=True)
        require_positive("retain_weight", self.retain_weight, zero_allowed=True)

    def __call__(
        self,
        model: Any,
        forget: Mapping[str, torch.Tensor],
        retain: Mapping[str, torch.Tensor],
    ) -> torch.Tensor:
        """The scalar loss."""
        return self.retain_term(model, retain) + self.forget_term(model, forget)

    def forget_term(self, model: Any, forget: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The first of the two terms."""
        return -self.forget_weight * mean_nll(model, forget)

    def retain_term(self, model: Any, retain: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The second of the two terms."""
        return self.retain_weight * mean_nll(model, retain)
