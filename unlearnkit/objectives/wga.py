"""WGA: ascent that lets go of tokens as they are forgotten.

Wang et al., "Rethinking LLM Unlearning Objectives: A Gradient Perspective and Go Beyond" (2502.19301): each
token's ascent is weighed by its own probability, held constant when differentiated,

    gradient of L = -mean_t p_t^alpha * gradient of CE_t,  p_t = exp(-CE_t),  + retain_weight * CE.

The loss whose gradient that is, and which is taken here, is L = mean_t (p_t^alpha - 1) / alpha. Papers and
code write -mean_t p_t^alpha CE_t with p_t^alpha constant: the same gradient, yet another function, least at
CE = 1 / alpha. Optimizers that only look at losses would stop there, so it is not used.
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
class WGA(Objective):
    """Loss of one forget batch and one retain batch; lower means more forgotten or better kept.

    The forget term lies between -1 / alpha and 0, where all is known by heart; at alpha = 0 it is plain
    ascent, without a bound.

    Parameters
    ----------
    alpha : float
        How soon a token that is forgotten stops to count; 0 is gradient ascent.
    retain_weight, retain
        See `Objective`.

    Examples
    --------
    >>> WGA(alpha=0.5).needs_reference
    False
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("alpha", self.alpha, zero_allowed=True)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The mean over the batch's targets."""
        return weighed_ascent(target_nll(model, forget), self.alpha, 0.0).mean()
