"""A model's answers to questions as TOFU scores them: how likely, beside wrong ones, and in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.metrics.forced import ROWS_AT_ONCE, Forced, teacher_forced
from unlearnkit.metrics.generation import greedy
from unlearnkit.metrics.tofu.measured import Measured
from unlearnkit.metrics.tofu.rouge import rouge_l_recall
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.rows import Question

ANSWER_TOKENS = 200  # TOFU's limit; an answer that has not ended by then is cut there


def asked(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Those with wrong answers, as in TOFU's perturbed files; all of them where none has any."""
    return tuple(question for question in questions if question.wrong_answers) or tuple(questions)


def measure(
    model: Any, tokenizer: Any, questions: Sequence[Question], *, max_new_tokens: int = ANSWER_TOKENS
) -> Measured:
    """Score a model's answers to questions, which all have wrong answers, or none has any.

    A question without a paraphrased answer stands with the answer itself, as TOFU's real authors do.
    """
    forced = _forced(model, tokenizer, [_answered(question) for question in questions])
    given = _given(model, tokenizer, questions, forced, max_new_tokens)
    recall = [rouge_l_recall(question.answer, text) for question, text in zip(questions, given, strict=True)]
    own = tuple(_nll(row) for row in forced)
    return Measured(own, *against_wrong_answers(model, tokenizer, questions), tuple(recall))


def against_wrong_answers(
    model: Any, tokenizer: Any, questions: Sequence[Question]
) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Nats a token of the paraphrased answers and of the wrong ones: what truth ratios are made of."""
    told = [_answered(question, question.paraphrased_answer or question.answer) for question in questions]
    wrong = [_answered(question, answer) for question in questions for answer in question.wrong_answers]
    losses = [_nll(row) for row in _forced(model, tokenizer, [*told, *wrong])]
    rest = iter(losses[len(told) :])
    rows = tuple(tuple(next(rest) for _ in question.wrong_answers) for question in questions)
    return tuple(losses[: len(told)]), rows if wrong else ()


def _answered(question: Question, answer: str | None = None) -> Question:
    """The question with this answer; a bare one, so that equal texts are encoded once."""
    return Question("", "", question.question, question.answer if answer is None else answer)


def _forced(model: Any, tokenizer: Any, questions: Sequence[Question]) -> list[Forced]:
    """Each different question and answer once."""
    different = list(dict.fromkeys(questions))
    encoded = encode_rows(different, tokenizer)
    rows = teacher_forced(model, encoded, pad_id=tokenizer.pad_token_id, rows_at_once=ROWS_AT_ONCE)
    known = dict(zip(different, rows, strict=True))
    return [known[question] for question in questions]


def _nll(row: Forced) -> float:
    return row.nll / len(row.hits)


def _given(
    model: Any, tokenizer: Any, questions: Sequence[Question], forced: Sequence[Forced], limit: int
) -> list[str]:
    """Greedy answers: the true one where all its tokens are the most likely ones, else generated."""
    encoded = encode_rows([_answered(question) for question in questions], tokenizer)
    tokens = [list(row.target_ids[:-1][:limit]) for row in encoded]
    missed = [i for i, row in enumerate(forced) if not all(row.hits)]
    fresh = greedy(
        model,
        [encoded[i].prompt_ids for i in missed],
        max_new_tokens=[_room(model, encoded[i], limit) for i in missed],
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
    )
    for i, row in zip(missed, fresh, strict=True):
        tokens[i] = row
    return [str(tokenizer.decode(row, skip_special_tokens=True)).strip() for row in tokens]


def _room(model: Any, row: Encoded, limit: int) -> int:
    """New tokens: the limit, or fewer where the model cannot read that far."""
    places = getattr(model.config, "max_position_embeddings", None)
    return limit if places is None else max(1, min(limit, places - len(row.prompt_ids)))
