"""The smoothing view: the loss under noise in the weights, what zeroth order sees, and what is certified."""

from unlearnkit.apps.smoothing.explorer import SmoothingExplorer
from unlearnkit.apps.smoothing.smoothing_view import SmoothingView

__all__ = ["SmoothingExplorer", "SmoothingView"]
