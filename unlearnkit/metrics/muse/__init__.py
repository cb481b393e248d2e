"""MUSE's four metrics (2407.06460), and how well a log of another tool scores by them."""

from unlearnkit.metrics.muse.log import score_rows
from unlearnkit.metrics.muse.privleak import AUC_RETRAIN, PrivLeak, score_privleak
from unlearnkit.metrics.muse.scores import MuseScores, evaluate_muse

__all__ = ["AUC_RETRAIN", "MuseScores", "PrivLeak", "evaluate_muse", "score_privleak", "score_rows"]
