"""What is still remembered, and what it cost."""

from unlearnkit.metrics.knowmem import answer, generate_answers, normalise
from unlearnkit.metrics.membership import AUC, Membership, auc, membership_attack, membership_scores
from unlearnkit.metrics.muse import MuseScores, PrivLeak, evaluate_muse
from unlearnkit.metrics.references import References, references
from unlearnkit.metrics.scores import Scores, evaluate, evaluate_with_answers
from unlearnkit.metrics.tofu.evaluate import evaluate_tofu
from unlearnkit.metrics.tofu.scores import TofuScores
from unlearnkit.metrics.verbmem import continuations, rouge_l_f1, verbatim

__all__ = [
    "AUC",
    "Membership",
    "MuseScores",
    "PrivLeak",
    "References",
    "Scores",
    "TofuScores",
    "answer",
    "auc",
    "continuations",
    "evaluate",
    "evaluate_muse",
    "evaluate_tofu",
    "evaluate_with_answers",
    "generate_answers",
    "membership_attack",
    "membership_scores",
    "normalise",
    "references",
    "rouge_l_f1",
    "verbatim",
]
