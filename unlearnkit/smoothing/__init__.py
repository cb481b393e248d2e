"""The loss under noise in the weights: what zeroth order sees, at which radius, and what it certifies."""

from unlearnkit.smoothing.formula import Formula
from unlearnkit.smoothing.gradients import compare_gradients
from unlearnkit.smoothing.line import SmoothedLine, smoothed_line
from unlearnkit.smoothing.radii_of_papers import PAPERS, PaperRadius
from unlearnkit.smoothing.radius import radius_sweep
from unlearnkit.smoothing.smoothed_gradient import Agreement, GradientComparison, SmoothedGradient
from unlearnkit.smoothing.smoothed_loss import SmoothedLoss, smoothed_loss
from unlearnkit.smoothing.swept import RadiusPoint, RadiusSweep

__all__ = [
    "PAPERS",
    "Agreement",
    "Formula",
    "GradientComparison",
    "PaperRadius",
    "RadiusPoint",
    "RadiusSweep",
    "SmoothedGradient",
    "SmoothedLine",
    "SmoothedLoss",
    "compare_gradients",
    "radius_sweep",
    "smoothed_line",
    "smoothed_loss",
]
