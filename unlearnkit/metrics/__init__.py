"""What is still remembered, and what it cost."""

from unlearnkit.metrics.exact_memorization import exact_memorization
from unlearnkit.metrics.extraction_strength import extraction_strength
from unlearnkit.metrics.knowmem import answer, generate_answers, normalise
from unlearnkit.metrics.recalled import RowShares
from unlearnkit.metrics.references import References, references
from unlearnkit.metrics.sampled_extraction import SampledExtraction, sampled_extraction
from unlearnkit.metrics.scores import Scores, evaluate, evaluate_with_answers
from unlearnkit.metrics.verbmem import continuations, rouge_l_f1, verbatim
from unlearnkit.metrics.wmdp import WmdpScores, evaluate_wmdp, harness_accuracy

__all__ = [
    "References",
    "RowShares",
    "SampledExtraction",
    "Scores",
    "WmdpScores",
    "answer",
    "continuations",
    "evaluate",
    "evaluate_with_answers",
    "evaluate_wmdp",
    "exact_memorization",
    "extraction_strength",
    "generate_answers",
    "harness_accuracy",
    "normalise",
    "references",
    "rouge_l_f1",
    "sampled_extraction",
    "verbatim",
]
