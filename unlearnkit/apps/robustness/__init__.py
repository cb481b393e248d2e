"""What survived: controls on top, three panels below, and the same in words and tables."""

from unlearnkit.apps.robustness.explorer import RobustnessExplorer

__all__ = ["RobustnessExplorer"]
