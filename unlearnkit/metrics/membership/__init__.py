"""Was a text trained on? Six scores, and how well they tell members from nonmembers."""

from unlearnkit.metrics.membership.attacks import ATTACKS, membership_scores
from unlearnkit.metrics.membership.auc import AUC, auc
from unlearnkit.metrics.membership.membership_attack import Membership, membership_attack
from unlearnkit.metrics.membership.min_k import min_k, min_k_plus_plus
from unlearnkit.metrics.membership.variant import VARIANTS, Variant

__all__ = [
    "ATTACKS",
    "AUC",
    "VARIANTS",
    "Membership",
    "Variant",
    "auc",
    "membership_attack",
    "membership_scores",
    "min_k",
    "min_k_plus_plus",
]
