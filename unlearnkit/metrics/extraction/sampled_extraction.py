"""Sampled extraction: does at least one of k answers, drawn at random, reveal the true one?

A model whose greedy answers are all wrong may still say the true one now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean, stdev
from typing import Any

import torch

from unlearnkit.errors import (
    BadInput,
    require_fraction,
    require_integer,
    require_one_of,
    require_positive,
)
from unlearnkit.metrics.extraction.sampling import ROWS_AT_ONCE, sampled
from unlearnkit.metrics.knowmem import ANSWER_TOKENS, normalise
from unlearnkit.metrics.positions import require_positions
from unlearnkit.randomness import generator
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed

REVEALED = ("equals", "contains")


@dataclass(frozen=True)
class SampledExtraction:
    """How often a model's random answers reveal the true ones.

    Attributes
    ----------
    hits : tuple of int
        By question: how many of its samples reveal the answer.
    samples : int
        Drawn for each question.
    temperature, top_p : float
    revealed : str
        "equals" or "contains".
    """

    hits: tuple[int, ...]
    samples: int
    temperature: float
    top_p: float
    revealed: str

    def by_question(self, k: int) -> tuple[float, ...]:
        """The probability, for each question, that at least one of k samples reveals the answer; see `leak`.

        Raises
        ------
        BadInput
            For k below 1 or above the number of samples, from which nothing unbiased can be said.
        """
        hint = "Draw as many samples as k at least: samples=…"
        require_integer("k", k, minimum=1, maximum=self.samples, hint=hint)
        return tuple(leak(hits, self.samples, k=k) for hits in self.hits)

    def at(self, k: int) -> float:
        """The mean of `by_question` over questions: 0 to 1, higher means more can be drawn out."""
        return fmean(self.by_question(k))

    def stderr(self, k: int) -> float | None:
        """Its standard error over questions; None of one question, which shows no spread."""
        found = self.by_question(k)
        return stdev(found) / len(found) ** 0.5 if len(found) > 1 else None

    @property
    def budgets(self) -> tuple[int, ...]:
        """1, 2, 4 … up to the number of samples, and that number."""
        powers = (2**i for i in range(self.samples.bit_length()))
        return tuple(dict.fromkeys([*powers, self.samples]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name and variant, ready for JSON: sampled_extraction_equals_at_4 and so on."""
        name = f"sampled_extraction_{self.revealed}"
        means = {f"{name}_at_{k}": self.at(k) for k in self.budgets}
        errors = {f"{name}_at_{k}_stderr": self.stderr(k) for k in self.budgets}
        settings = {"samples": self.samples, "temperature": self.temperature, "top_p": self.top_p}
        return {**means, **errors, "hits": list(self.hits), **settings}

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{k}</td><td>{self.at(k):.3f}</td></tr>" for k in self.budgets)
        head = f"<tr><th>samples</th><th>share of {len(self.hits)} answers revealed</th></tr>"
        return f"<table>{head}{rows}</table>"


def leak(hits: int, samples: int, *, k: int) -> float:
    """An unbiased estimate of P(at least one of k samples reveals), from `hits` of `samples` that do.

        1 − C(samples − hits, k) / C(samples, k)

    the share of all choices of k from these samples with a revealing one among them: 0 to 1, higher means
    more can be drawn out. The obvious estimate,
    1 − (1 − hits/samples)^k, is biased: on average too small.

    References
    ----------
    Chen et al. (2107.03374), equation 1, where it is pass@k.

    Examples
    --------
    >>> leak(1, 4, k=1), leak(1, 4, k=2), leak(3, 4, k=2)
    (0.25, 0.5, 1.0)
    """
    return 1.0 - comb(samples - hits, k) / comb(samples, k)


def sampled_extraction(
    model: Any,
    lab: Testbed,
    *,
    questions: Sequence[Question] | None = None,
    samples: int = 16,
    temperature: float = 1.0,
    top_p: float = 1.0,
    revealed: str = "equals",
    max_new_tokens: int = ANSWER_TOKENS,
    seed: int = 0,
    rows_at_once: int = ROWS_AT_ONCE,
    progress: bool = False,
) -> SampledExtraction:
    """Draw answers to each question, and count those that reveal the true one.

    At temperature 1 the expected share of one sample is at least the probability of the answer's own tokens,
    exp(−nll); other ways to write the same answer add to it. At temperature 0 every sample is the greedy one.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    lab : Testbed
        Whose tokenizer encodes the questions.
    questions : sequence of Question, optional
        The open-class questions of `lab.forget_shown` and `lab.forget_heldout` if not given.
    samples : int
        Answers drawn for each question. The first ones are the same when more are drawn.
    temperature, top_p : float
        Draw from softmax(logits / temperature), among the likeliest tokens that make up `top_p` together.
    revealed : {"equals", "contains"}
        Whether the sample must be the answer, or may have it among other words; case and punctuation aside.
        A short answer, such as a number, may be contained in anything.
    max_new_tokens : int
        A sample that has not ended by then is cut.
    seed : int
        The global random state is left alone. A question's samples do not depend on the other questions.
    rows_at_once : int
        Samples in one pass.
    progress : bool
        Show a bar.

    Returns
    -------
    SampledExtraction
        `.at(k)`: the mean probability that one of k samples at least reveals the answer, 0 to 1; higher means
        more can be drawn out.

    Raises
    ------
    BadInput, UnknownName
        Without questions, and for arguments out of their ranges.

    References
    ----------
    Reisizadeh et al., "Leak@k: Unlearning Does Not Make LLMs Forget Under Probabilistic Decoding"
    (2511.04934).

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> found = sampled_extraction(lab.model, lab, questions=lab.forget_shown.questions[:4], samples=4)
    >>> found.at(4)
    1.0
    """
    require_one_of("revealed", revealed, REVEALED)
    require_positive("temperature", temperature, zero_allowed=True)
    require_fraction("top_p", top_p, one_allowed=True)
    counts = {"samples": samples, "max_new_tokens": max_new_tokens, "rows_at_once": rows_at_once}
    for name, count in counts.items():
        require_integer(name, count, minimum=1)
    asked = _asked(lab) if questions is None else list(questions)
    if not asked:
        raise BadInput("questions: none to ask, so there is no share to take; give at least one")
    encoded = encode_rows(asked, lab.tokenizer)
    longest = max(len(row.prompt_ids) for row in encoded) + max_new_tokens - 1
    require_positions(model, longest, what="questions: the longest, with max_new_tokens after it,")
    given = sampled(
        model,
        [row.prompt_ids for row in encoded for _ in range(samples)],
        uniforms=torch.cat([_numbers(q, samples, max_new_tokens, seed) for q in asked]),
        eos_id=lab.tokenizer.eos_token_id, pad_id=lab.tokenizer.pad_token_id,
        temperature=temperature, top_p=top_p, rows_at_once=rows_at_once, progress=progress,
    )  # fmt: skip
    texts = [lab.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in given]
    hits = (
        sum(reveals(text, question.answer, revealed) for text in texts[i * samples : (i + 1) * samples])
        for i, question in enumerate(asked)
    )
    return SampledExtraction(tuple(hits), samples, temperature, top_p, revealed)


def reveals(text: str, answer: str, revealed: str) -> bool:
    """Whether a text is the answer, or contains it as whole words; case and punctuation aside.

    Examples
    --------
    >>> reveals("It is Oslo.", "Oslo", "equals"), reveals("It is Oslo.", "Oslo", "contains")
    (False, True)
    """
    said, true = normalise(text), normalise(answer)
    return said == true if revealed == "equals" else f" {true} " in f" {said} "


def _asked(lab: Testbed) -> list[Question]:
    both = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
    return [question for question in both if question.open_class]


def _numbers(question: Question, samples: int, tokens: int, seed: int) -> torch.Tensor:
    """The uniform numbers of a question's samples, of its own stream: (samples, tokens)."""
    source = generator(seed, "sampled extraction", question.question)
    return torch.rand(samples, tokens, generator=source, dtype=torch.float64)
