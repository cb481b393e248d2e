"""Ascent whose gradient each token's probability weighs, as a loss that optimizers of losses can follow too.

A weight that is held constant when differentiated makes a loss whose value and gradient do not fit: who looks
at values alone goes elsewhere. The integral of the weight fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import special

NO_POWER = 1e-12  # the integral has a limit at 0, its formula has not


def weighed_ascent(nll: torch.Tensor, saturation: float, importance: float) -> torch.Tensor:
    """Minus the integral of p^saturation (1 - p)^importance, p = e^-t, for t from 0 to each `nll`.

    Its derivative is minus the weight, p^saturation (1 - p)^importance, exactly. Computed in float64 on the
    CPU; of the shape, type and place of `nll`, in nats.

    Examples
    --------
    >>> weighed_ascent(torch.tensor([0.5, 1.0]), 1.0, 0.0)   # e^-t - 1
    tensor([-0.3935, -0.6321])
    """
    return _WeighedAscent.apply(nll, saturation, importance)  # type: ignore[no-any-return, no-untyped-call]


class _WeighedAscent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, nll: torch.Tensor, saturation: float, importance: float) -> torch.Tensor:
        """The incomplete beta function, from whichever end loses no digits."""
        ctx.save_for_backward(nll)
        ctx.powers = saturation, importance
        values = nll.detach().double().cpu().numpy()
        a, b = max(saturation, NO_POWER), importance + 1
        near, far = special.betainc(b, a, -np.expm1(-values)), special.betaincc(a, b, np.exp(-values))
        integral = special.beta(a, b) * np.where(values < 1, near, far)
        return -torch.from_numpy(np.asarray(integral)).to(nll)

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Minus the weight: of torch's own functions, so that it has a derivative, too."""
        (nll,) = ctx.saved_tensors
        saturation, importance = ctx.powers
        known = nll <= 0  # for certain: there powers below 1 have no slope, and the weight is its limit
        doubt = -torch.expm1(-nll.masked_fill(known, 1.0))
        weight = torch.exp(-saturation * nll) * doubt.pow(importance).masked_fill(
            known, float(not importance)
        )
        return -given[0] * weight, None, None
