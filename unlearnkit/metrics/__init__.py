"""What is still remembered, and what it cost."""

from unlearnkit.metrics.knowmem import answer, generate_answers, normalise
from unlearnkit.metrics.references import References, references
from unlearnkit.metrics.scores import Scores, evaluate, evaluate_with_answers
from unlearnkit.metrics.tofu.evaluate import evaluate_tofu
from unlearnkit.metrics.tofu.scores import TofuScores
from unlearnkit.metrics.verbmem import continuations, rouge_l_f1, verbatim

__all__ = [
    "References",
    "Scores",
    "TofuScores",
    "answer",
    "continuations",
    "evaluate",
    "evaluate_tofu",
    "evaluate_with_answers",
    "generate_answers",
    "normalise",
    "references",
    "rouge_l_f1",
    "verbatim",
]
