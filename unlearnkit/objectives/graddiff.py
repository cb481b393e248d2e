"""GradDiff: gradient ascent on what must be forgotten, descent on what must be kept.

Liu, Liu, Stone, "Continual Learning and Private Unlearning" (2022); as in TOFU (2401.06121):
L = -forget_weight * CE(forget) + retain_weight * CE(retain), both token means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.losses import mean_nll
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch


@dataclass(frozen=True, kw_only=True)
class GradDiff(Objective):
    """Loss of one forget batch and one retain batch, in nats a token.

    Its forget term has no lower bound: without a stop the model is destroyed. Lower means more
    forgotten or better kept.

    Parameters
    ----------
    forget_weight : float
        0 leaves training on what must be kept, which is a control.
    retain_weight, retain
        See `Objective`.

    Examples
    --------
    >>> GradDiff(retain_weight=5.0, retain="kl").retain_keys
    ('reference_log_probs',)
    """

    forget_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("forget_weight", self.forget_weight, zero_allowed=True)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """Ascent: minus the token-mean negative log-likelihood, weighed."""
        return -self.forget_weight * mean_nll(model, forget)
