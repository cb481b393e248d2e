"""MUSE's KnowMem: ROUGE-L F1, without stemming, of 32 greedy tokens after questions and answers as examples.

Shi et al., "MUSE" (2407.06460), section 3.1. Higher means more known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.metrics.verbmem import greedy_continuations, rouge_l_f1
from unlearnkit.testbeds.encoding import NO_TARGET, Encoded
from unlearnkit.testbeds.rows import Question

ANSWER_TOKENS = 32
PAIRS = 10
STOPS = ("\n\n", "\nQuestion", "Question:")


@dataclass(frozen=True)
class KnowMem:
    """ROUGE-L F1 of each question, 0 to 1, in order; the answers; how many examples stood before each."""

    scores: tuple[float, ...]
    given: tuple[str, ...]
    pairs: int


def few_shot_prompt(question: str, pairs: Sequence[Question], *, trailing_space: bool = False) -> str:
    r"""The examples, each "Question: …\nAnswer: …\n\n", and the question.

    Examples
    --------
    >>> few_shot_prompt("Who?", [Question("", "", "What?", "That.")])
    'Question: What?\nAnswer: That.\n\nQuestion: Who?\nAnswer:'
    """
    shown = "".join(f"Question: {pair.question}\nAnswer: {pair.answer}\n\n" for pair in pairs)
    return f"{shown}Question: {question}\nAnswer:{' ' if trailing_space else ''}"


def cut_answer(text: str) -> str:
    r"""The answer without what a model says after it: up to an empty line, or to the next question.

    Examples
    --------
    >>> cut_answer(" Tirana\nQuestion: And Chad?")
    ' Tirana'
    """
    for stop in STOPS:
        text = text.split(stop, 1)[0]
    return text


def knowmem(
    model: Any,
    tokenizer: Any,
    *,
    questions: Sequence[Question],
    pairs: Sequence[Question] = (),
    trailing_space: bool = False,
) -> KnowMem:
    """Ask questions, in batches; see `evaluate_muse` for a model's modes.

    Parameters
    ----------
    model : a Hugging Face causal language model
    tokenizer : its tokenizer
    questions : sequence of Question
    pairs : sequence of Question
        Examples before each question. Where the longest prompt and 32 new tokens do not fit into the model's
        positions, only as many as do, the same for every question.
    trailing_space : bool
        End prompts by "Answer: ", as muse_bench does, and not by "Answer:". Unverified: no published log
        holds the prompts' tokens. Byte-level tokenizers put the space before a word into the word's token, so
        a model that never saw the space alone answers worse, the atlas's target among them.

    Raises
    ------
    BadInput
        When not even a question alone fits.
    """
    encoded, used = _fitting(model, tokenizer, questions, pairs, trailing_space)
    tokens = greedy_continuations(model, tokenizer, encoded, limits=[ANSWER_TOKENS] * len(encoded))
    given = [cut_answer(tokenizer.decode(row, skip_special_tokens=True)) for row in tokens]
    scores = [rouge_l_f1(question.answer, text) for question, text in zip(questions, given, strict=True)]
    return KnowMem(tuple(scores), tuple(text.strip() for text in given), used)


def _fitting(
    model: Any, tokenizer: Any, questions: Sequence[Question], pairs: Sequence[Question], space: bool
) -> tuple[list[Encoded], int]:
    """Prompts with as many of the pairs as all of them have room for."""
    room = getattr(model.config, "max_position_embeddings", None)
    for used in range(len(pairs), -1, -1):
        encoded = [_encode(tokenizer, question, pairs[:used], space) for question in questions]
        needed = max((len(row.prompt_ids) for row in encoded), default=0) + ANSWER_TOKENS
        if room is None or needed <= room:
            return encoded, used
    raise BadInput(
        f"knowmem: the longest question and {ANSWER_TOKENS} tokens of answer are {needed} tokens, and the "
        f"model has {room} positions; shorten the question or take a model with more"
    )


def _encode(tokenizer: Any, question: Question, pairs: Sequence[Question], space: bool) -> Encoded:
    """Prompt and as much of the true answer with its end token as is compared, encoded apart."""
    prompt = list(tokenizer(few_shot_prompt(question.question, pairs, trailing_space=space)).input_ids)
    if prompt and prompt[-1] == tokenizer.eos_token_id:
        prompt.pop()  # some tokenizers close every text
    answer = question.answer if space else question.target
    target = [*tokenizer(answer, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    target = target[:ANSWER_TOKENS]  # there is room for no more
    return Encoded(tuple(prompt + target), tuple([NO_TARGET] * len(prompt) + target))
