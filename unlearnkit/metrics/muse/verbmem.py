"""MUSE's VerbMem: ROUGE-L F1, without stemming, of 128 greedy tokens against the true first 128.

Shi et al., "MUSE" (2407.06460), section 3.1. Higher means more remembered by heart. The house's own
`verbmem_forget` asks for as many tokens as the true continuation has. MUSE always asks for 128: a model that
recites a shorter text and talks on scores below 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.metrics.positions import require_positions
from unlearnkit.metrics.verbmem import CONTINUATION_TOKENS, greedy_continuations, rouge_l_f1
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.rows import Passage


def verbmem(model: Any, tokenizer: Any, passages: Sequence[Passage]) -> list[float]:
    """ROUGE-L F1 of each passage, 0 to 1, in order; see `evaluate_muse` for a model's modes.

    Raises
    ------
    BadInput
        When the model has no positions for 128 tokens more than the longest opening.
    """
    encoded = encode_rows(passages, tokenizer)
    longest = max((len(row.prompt_ids) for row in encoded), default=1) + CONTINUATION_TOKENS - 1
    what = (
        f'passages: the longest, with {CONTINUATION_TOKENS} tokens after it (verbmem_length="true": fewer),'
    )
    require_positions(model, longest, what=what)
    limits = [CONTINUATION_TOKENS] * len(encoded)
    given = greedy_continuations(model, tokenizer, encoded, limits=limits)
    truths = [row.target_ids[:CONTINUATION_TOKENS] for row in encoded]
    texts = [[tokenizer.decode(ids, skip_special_tokens=True) for ids in side] for side in (truths, given)]
    return [rouge_l_f1(truth, text) for truth, text in zip(*texts, strict=True)]
