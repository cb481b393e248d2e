"""Verbatim memory: how much of a passage does the model continue by heart?

MUSE's VerbMem (2407.06460): mean ROUGE-L F1, without stemming, between the greedy continuation and
the true one. Higher means more remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rouge_score import rouge_scorer

from unlearnkit.metrics.generation import greedy
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.rows import Passage

CONTINUATION_TOKENS = 128  # MUSE's limit


def continuations(model: Any, tokenizer: Any, passages: Sequence[Passage]) -> list[str]:
    """The greedy continuation of each passage, as many tokens as the true one has (128 at most)."""
    encoded = encode_rows(passages, tokenizer)
    limits = [min(len(row.target_ids) - 1, CONTINUATION_TOKENS) for row in encoded]
    tokens = greedy(
        model,
        [row.prompt_ids for row in encoded],
        max_new_tokens=limits,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
    )
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in tokens]


def rouge_l_f1(truth: str, given: str) -> float:
    """ROUGE-L F1 without stemming, in [0, 1].

    Examples
    --------
    >>> rouge_l_f1("the cat sat", "the cat ran")
    0.6666666666666666
    """
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    return float(scorer.score(truth, given)["rougeL"].fmeasure)


def verbatim(model: Any, tokenizer: Any, passages: Sequence[Passage]) -> list[float]:
    """ROUGE-L F1 of each passage's greedy continuation."""
    given = continuations(model, tokenizer, passages)
    return [rouge_l_f1(passage.text, text) for passage, text in zip(passages, given, strict=True)]
