"""Views for notebooks, a room each: a bare last line shows them."""

from unlearnkit.apps.landscape import LandscapeExplorer
from unlearnkit.apps.live import LiveUnlearning
from unlearnkit.apps.records import RecordsView
from unlearnkit.apps.robustness import RobustnessExplorer
from unlearnkit.apps.smoothing import SmoothingExplorer, SmoothingView

__all__ = [
    "LandscapeExplorer",
    "LiveUnlearning",
    "RecordsView",
    "RobustnessExplorer",
    "SmoothingExplorer",
    "SmoothingView",
]
