"""SatImp: ascent weighed by saturation and by importance.

Yang et al., "Exploring Criteria of Loss Reweighting to Enhance LLM Unlearning" (2505.11953): each token's
ascent is weighed by two powers of its probability, both held constant when differentiated,

    gradient of L = -mean_t p_t^beta1 (1 - p_t)^beta2 * gradient of CE_t,  p_t = exp(-CE_t),

+ retain_weight * CE. The first lets go of what is forgotten, the second of what is still known by heart.
The loss whose gradient that is, and which is taken here, is -mean_t of the integral of the weight from CE = 0
to CE_t, an incomplete beta function. Papers and code write -mean_t w_t CE_t with w_t constant: the same
gradient, yet another function, least elsewhere, where optimizers that only look at losses would stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.losses import target_nll
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch
from unlearnkit.objectives.weighed_ascent import weighed_ascent


@dataclass(frozen=True, kw_only=True)
class SatImp(Objective):
    """Loss of one forget batch and one retain batch; lower means more forgotten or better kept.

    Parameters
    ----------
    beta1 : float
        Saturation: the larger, the sooner a token that is forgotten stops to count.
    beta2 : float
        Importance: the larger, the less a token counts that is still likely. Both 0: gradient ascent;
        beta2 = 0 alone: WGA with alpha = beta1.
    retain_weight, retain
        See `Objective`.

    Examples
    --------
    >>> SatImp(beta1=1.0, beta2=0.1).needs_reference
    False
    """

    beta1: float = 5.0
    beta2: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("beta1", self.beta1, zero_allowed=True)
        require_positive("beta2", self.beta2, zero_allowed=True)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The mean over the batch's targets."""
        return weighed_ascent(target_nll(model, forget), self.beta1, self.beta2).mean()
