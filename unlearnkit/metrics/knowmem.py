"""Knowledge memory: does the greedy answer to a question equal the true one?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.metrics.forced import ROWS_AT_ONCE, teacher_forced
from unlearnkit.metrics.generation import greedy
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.rows import Question

ANSWER_TOKENS = 32  # as in MUSE; an answer that has not ended by then is cut there


@dataclass(frozen=True)
class Answered:
    """What a model made of each question.

    `given` : the greedy answer. `right` : it equals the true one after `normalise`. `nll`, `tokens` : summed
    negative log-likelihood in nats and number of answer tokens, the end token among them.
    """

    given: tuple[str, ...]
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
    forced = teacher_forced(model, encoded, pad_id=tokenizer.pad_token_id, rows_at_once=rows_at_once)
    given = [question.answer for question in questions]
    missed = [i for i, row in enumerate(forced) if not all(row.hits)]
    asked = [questions[i] for i in missed]
    texts = generate_answers(model, tokenizer, asked, rows_at_once=rows_at_once) if missed else []
    for i, text in zip(missed, texts, strict=True):
        given[i] = text
    pairs = zip(given, questions, strict=True)
    right = [normalise(text) == normalise(question.answer) for text, question in pairs]
    nll, tokens = zip(*((row.nll, len(row.hits)) for row in forced), strict=True) if forced else ((), ())
    return Answered(tuple(given), tuple(right), nll, tokens)
