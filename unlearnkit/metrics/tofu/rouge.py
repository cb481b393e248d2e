"""ROUGE-L recall with stemming, as TOFU takes it of generated answers."""

from __future__ import annotations

from functools import cache
from typing import Any

from rouge_score import rouge_scorer


def rouge_l_recall(truth: str, given: str) -> float:
    """The longest common subsequence of words, stemmed, over the words of the truth.

    Parameters
    ----------
    truth, given : str
        The true answer, and what the model said; whatever it goes on to say costs nothing.

    Returns
    -------
    float
        0 to 1; higher means more of the answer is there. 0 where the truth has no words.

    Notes
    -----
    TOFU (2401.06121), section 2.2; the package rouge-score with its stemmer on, which finds the values that
    TOFU's logs hold. MUSE takes F1 without stemming: `unlearnkit.metrics.rouge_l_f1`.

    Examples
    --------
    >>> rouge_l_recall("the cats sat", "The cat sat down, and went to sleep.")
    1.0
    """
    return float(_scorer().score(truth, given)["rougeL"].recall)


@cache
def _scorer() -> Any:
    return rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
