"""WMDP: multiple-choice questions, scored by letter as lm-evaluation-harness does, and by option text."""

from unlearnkit.metrics.wmdp.choices import ChoiceScores, score_choices
from unlearnkit.metrics.wmdp.evaluate import WmdpScores, evaluate_wmdp
from unlearnkit.metrics.wmdp.harness import harness_accuracy
from unlearnkit.metrics.wmdp.likelihoods import Continuation, log_likelihoods
from unlearnkit.metrics.wmdp.prompts import LETTERS, letter_prompt
from unlearnkit.metrics.wmdp.share import Share

__all__ = [
    "LETTERS",
    "ChoiceScores",
    "Continuation",
    "Share",
    "WmdpScores",
    "evaluate_wmdp",
    "harness_accuracy",
    "letter_prompt",
    "log_likelihoods",
    "score_choices",
]
