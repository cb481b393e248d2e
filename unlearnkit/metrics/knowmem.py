"""Knowledge memory: does the greedy answer to a question equal the true one?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.losses import NO_TARGET, nll_of, predictions
from unlearnkit.metrics.generation import greedy
from unlearnkit.testbeds.batches import collate, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.rows import Question

ANSWER_TOKENS = 32  # as in MUSE; an answer that has not ended by then is cut there
ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class Answered:
    """What a model made of each question.

    `right` : greedy answer equals the true one after `normalise`. `nll`, `tokens` : summed negative
    log-likelihood in nats and number of answer tokens, the end token among them.
    """

    right: tuple[bool, ...]
    nll: tuple[float, ...]
    tokens: tuple[int, ...]

    @property
    def mean_nll(self) -> float:
        """Nats a token over all answers together."""
        return sum(self.nll) / sum(self.tokens)


def normalise(answer: str) -> str:
    """Casefold, drop punctuation, collapse white space: "N'Djamena." equals "ndjamena".

    Examples
    --------
    >>> normalise("  N'Djamena. ")
    'ndjamena'
    """
    kept = re.sub(r"[^\w\s]", "", answer.casefold())
    return " ".join(kept.split())


def generate_answers(
    model: Any, tokenizer: Any, questions: Sequence[Question], *, rows_at_once: int = ROWS_AT_ONCE
) -> list[str]:
    """The model's own greedy answers, up to 32 tokens, in order."""
    encoded = encode_rows(questions, tokenizer)
    tokens = greedy(
        model,
        [row.prompt_ids for row in encoded],
        max_new_tokens=[ANSWER_TOKENS] * len(encoded),
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        rows_at_once=rows_at_once,
    )
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in tokens]


@torch.no_grad()
def answer(
    model: Any, tokenizer: Any, questions: Sequence[Question], *, rows_at_once: int = ROWS_AT_ONCE
) -> Answered:
    """Score questions, in batches.

    One teacher-forced pass gives the likelihoods, and settles every answer whose tokens are all
    the most likely ones: greedy decoding would pick just these. Only the others are generated,
    since they may still be right in other capitals or punctuation.

    Returns
    -------
    Answered
        In the order of the questions.
    """
    encoded = encode_rows(questions, tokenizer)
    right, nll = [False] * len(encoded), [0.0] * len(encoded)
    for chunk in sorted_chunks(encoded, rows_at_once):
        hits, sums = _teacher_forced(model, [encoded[i] for i in chunk], tokenizer.pad_token_id)
        for i, hit, total in zip(chunk, hits, sums, strict=True):
            right[i], nll[i] = hit, total
    missed = [i for i, hit in enumerate(right) if not hit]
    given = generate_answers(model, tokenizer, [questions[i] for i in missed]) if missed else []
    for i, text in zip(missed, given, strict=True):
        right[i] = normalise(text) == normalise(questions[i].answer)
    return Answered(tuple(right), tuple(nll), tuple(len(row.target_ids) for row in encoded))


def _teacher_forced(model: Any, rows: Sequence[Encoded], pad_id: int) -> tuple[list[bool], list[float]]:
    """Whether all answer tokens are the most likely ones, and their summed likelihood."""
    batch = collate(rows, pad_id=pad_id, device=model.device)
    logits, targets = predictions(model, batch)
    hit = (logits.argmax(dim=-1) == targets) | (targets == NO_TARGET)
    nll = nll_of(logits, targets).sum(dim=1, dtype=torch.float64)
    return hit.all(dim=1).tolist(), nll.tolist()
