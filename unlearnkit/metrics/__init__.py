"""What is still remembered, and what it cost."""

from unlearnkit.metrics.extraction.exact_memorization import exact_memorization
from unlearnkit.metrics.extraction.extraction_strength import extraction_strength
from unlearnkit.metrics.extraction.recalled import RowShares
from unlearnkit.metrics.extraction.sampled_extraction import SampledExtraction, sampled_extraction
from unlearnkit.metrics.knowmem import answer, generate_answers, normalise
from unlearnkit.metrics.membership import AUC, Membership, auc, membership_attack, membership_scores
from unlearnkit.metrics.muse import MuseScores, PrivLeak, evaluate_muse
from unlearnkit.metrics.references import References, references
from unlearnkit.metrics.scores import Scores, evaluate, evaluate_with_answers
from unlearnkit.metrics.tofu.evaluate import evaluate_tofu
from unlearnkit.metrics.tofu.scores import TofuScores
from unlearnkit.metrics.verbmem import continuations, rouge_l_f1, verbatim
from unlearnkit.metrics.wmdp import WmdpScores, evaluate_wmdp, harness_accuracy

__all__ = [
    "AUC",
    "Membership",
    "MuseScores",
    "PrivLeak",
    "References",
    "RowShares",
    "SampledExtraction",
    "Scores",
    "TofuScores",
    "WmdpScores",
    "answer",
    "auc",
    "continuations",
    "evaluate",
    "evaluate_muse",
    "evaluate_tofu",
    "evaluate_with_answers",
    "evaluate_wmdp",
    "exact_memorization",
    "extraction_strength",
    "generate_answers",
    "harness_accuracy",
    "membership_attack",
    "membership_scores",
    "normalise",
    "references",
    "rouge_l_f1",
    "sampled_extraction",
    "verbatim",
]
