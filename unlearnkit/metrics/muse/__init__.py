"""MUSE's four metrics (2407.06460), and how well a log of another tool scores by them."""

from unlearnkit.metrics.muse.evaluate_muse import MuseScores, evaluate_muse
from unlearnkit.metrics.muse.privleak import AUC_RETRAIN, PrivLeak, privleak

__all__ = ["AUC_RETRAIN", "MuseScores", "PrivLeak", "evaluate_muse", "privleak"]
