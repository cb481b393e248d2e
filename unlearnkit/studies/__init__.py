"""Grids with controls, executors, and what they show."""

from unlearnkit.studies.compare import Comparison, compare, plan_comparison
from unlearnkit.studies.outcomes import OUTCOMES, outcome, recovery

__all__ = ["OUTCOMES", "Comparison", "compare", "outcome", "plan_comparison", "recovery"]
