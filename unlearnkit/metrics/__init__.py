"""What is still remembered, and what it cost."""

from unlearnkit.metrics.knowmem import answer, generate_answers, normalise
from unlearnkit.metrics.references import References, references
from unlearnkit.metrics.scores import Scores, evaluate, evaluate_with_answers
from unlearnkit.metrics.verbmem import continuations, rouge_l_f1, verbatim
from unlearnkit.metrics.wmdp import WmdpScores, evaluate_wmdp, harness_accuracy

__all__ = [
    "References",
    "Scores",
    "WmdpScores",
    "answer",
    "continuations",
    "evaluate",
    "evaluate_wmdp",
    "evaluate_with_answers",
    "generate_answers",
    "harness_accuracy",
    "normalise",
    "references",
    "rouge_l_f1",
    "verbatim",
]
