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

import numpy as np
import torch
from scipy import special

from unlearnkit.errors import require_positive
from unlearnkit.losses import target_nll
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch

NO_POWER = 1e-12  # the integral has a limit at beta1 = 0, its formula has not


@dataclass(frozen=True, kw_only=True)
class SatImp(Objective):
    """Loss of one forget batch and one retain batch.

    Parameters
    ----------
    beta1 : float
        Saturation: the larger, the sooner a token that is forgotten stops to count.
    beta2 : float
        Importance: the larger, the less a token counts that is still likely. Both 0: gradient ascent;
        beta2 = 0 alone: WGA with alpha = beta1.
    retain_weight, retain
        See `Objective`.
    """

    beta1: float = 5.0
    beta2: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("beta1", self.beta1, zero_allowed=True)
        require_positive("beta2", self.beta2, zero_allowed=True)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The mean over the batch's targets."""
        nll = target_nll(model, forget)
        ascent: torch.Tensor = _WeighedAscent.apply(nll, self.beta1, self.beta2)  # type: ignore[no-untyped-call]
        return ascent.mean()


class _WeighedAscent(torch.autograd.Function):
    """Minus the integral of p^beta1 (1 - p)^beta2, p = e^-t, for t from 0 to each likelihood."""

    @staticmethod
    def forward(ctx: Any, nll: torch.Tensor, beta1: float, beta2: float) -> torch.Tensor:
        """The incomplete beta function, from whichever end loses no digits."""
        ctx.save_for_backward(nll)
        ctx.powers = beta1, beta2
        values = nll.detach().double().cpu().numpy()
        a, b = max(beta1, NO_POWER), beta2 + 1
        near, far = special.betainc(b, a, -np.expm1(-values)), special.betaincc(a, b, np.exp(-values))
        integral = special.beta(a, b) * np.where(values < 1, near, far)
        return -torch.from_numpy(np.asarray(integral)).to(nll)

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Minus the weight: of torch's own functions, so that it has a derivative, too."""
        (nll,) = ctx.saved_tensors
        beta1, beta2 = ctx.powers
        return -given[0] * torch.exp(-beta1 * nll) * (-torch.expm1(-nll)).pow(beta2), None, None
