"""The loss under noise in the weights: what zeroth order sees, at which radius, and what it certifies."""

from unlearnkit.smoothing.formula import Formula
from unlearnkit.smoothing.smoothed_loss import SmoothedLoss, smoothed_loss

__all__ = [
    "Formula",
    "SmoothedLoss",
    "smoothed_loss",
]
