"""TOFU's metrics (2401.06121), each named by its variant."""

from unlearnkit.metrics.tofu.evaluate import evaluate_tofu
from unlearnkit.metrics.tofu.forget_quality import ForgetQuality, forget_quality
from unlearnkit.metrics.tofu.likelihood import probability, probability_with_options
from unlearnkit.metrics.tofu.model_utility import hmean, model_utility, utility_parts
from unlearnkit.metrics.tofu.rouge import rouge_l_recall
from unlearnkit.metrics.tofu.scores import TofuScores
from unlearnkit.metrics.tofu.truth_ratio import aggregate_truth_ratio, truth_ratio

__all__ = [
    "ForgetQuality",
    "TofuScores",
    "aggregate_truth_ratio",
    "evaluate_tofu",
    "forget_quality",
    "hmean",
    "model_utility",
    "probability",
    "probability_with_options",
    "rouge_l_recall",
    "truth_ratio",
    "utility_parts",
]
