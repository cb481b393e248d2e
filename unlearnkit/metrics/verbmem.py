"""Verbatim memory: how much of a passage does the model continue by heart?

MUSE's VerbMem (2407.06460): mean ROUGE-L F1, without stemming, between the greedy continuation and
the true one. Higher means more remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rouge_score import rouge_scorer

from unlearnkit.metrics.forced import teacher_forced
from unlearnkit.metrics.generation import greedy
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.rows import Passage

CONTINUATION_TOKENS = 128  # MUSE's limit


def continuations(model: Any, tokenizer: Any, passages: Sequence[Passage]) -> list[str]:
    """The greedy continuation of each passage, as many tokens as the true one has (128 at most)."""
    encoded = encode_rows(passages, tokenizer)
    limits = [_limit(row) for row in encoded]
    tokens = greedy_continuations(model, tokenizer, encoded, limits=limits)
    return [_text(tokenizer, row) for row in tokens]


def greedy_continuations(
    model: Any, tokenizer: Any, encoded: Sequence[Encoded], *, limits: Sequence[int]
) -> list[list[int]]:
    """The greedy continuation of each row's prompt, as tokens, up to a limit for each.

    One teacher-forced pass settles every row whose tokens are all the most likely ones, an end token that the
    limit does not cut off among them; only the others are generated.
    """
    forced = teacher_forced(model, encoded, pad_id=tokenizer.pad_token_id)
    tokens = [list(row.target_ids[:limit]) for row, limit in zip(encoded, limits, strict=True)]
    missed = [i for i, limit in enumerate(limits) if not all(forced[i].hits[:limit])]
    given = greedy(
        model,
        [encoded[i].prompt_ids for i in missed],
        max_new_tokens=[limits[i] for i in missed],
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
    )
    for i, fresh in zip(missed, given, strict=True):
        tokens[i] = fresh
    return tokens


def _limit(row: Encoded) -> int:
    """Tokens compared: the true ones without the end token, MUSE's limit at most."""
    return min(len(row.target_ids) - 1, CONTINUATION_TOKENS)


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=True)).strip()


def rouge_l_f1(truth: str, given: str) -> float:
    """ROUGE-L F1 without stemming, 0 to 1; higher means more alike. Words are runs of a to z and digits.

    Examples
    --------
    >>> rouge_l_f1("the cat sat", "the cat ran")
    0.6666666666666666
    """
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    return float(scorer.score(truth, given)["rougeL"].fmeasure)


def verbatim(model: Any, tokenizer: Any, passages: Sequence[Passage]) -> list[float]:
    """ROUGE-L F1 of each passage's greedy continuation against as much of the true one."""
    given = continuations(model, tokenizer, passages)
    encoded = encode_rows(passages, tokenizer)
    truths = [_text(tokenizer, row.target_ids[: _limit(row)]) for row in encoded]
    return [rouge_l_f1(truth, text) for truth, text in zip(truths, given, strict=True)]
