"""Grids with controls, executors, and what they show."""

from unlearnkit.attacks.outcomes import OUTCOMES, outcome, recovery
from unlearnkit.studies.claim import Claim, rule_hash
from unlearnkit.studies.claims import claims_table, load_claims
from unlearnkit.studies.compare import Comparison, compare, plan_comparison

__all__ = [
    "OUTCOMES",
    "Claim",
    "Comparison",
    "claims_table",
    "compare",
    "load_claims",
    "outcome",
    "plan_comparison",
    "recovery",
    "rule_hash",
]
