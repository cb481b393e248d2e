"""The scores of a model on a testbed, and `evaluate`, which takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.knowmem import Answered, answer
from unlearnkit.metrics.verbmem import verbatim as recite
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed

HEADLINE = (
    "knowmem_forget_shown",
    "knowmem_forget_heldout",
    "knowmem_retain",
    "verbmem_forget",
    "verbmem_retain",
    "nll_forget",
    "nll_retain",
)


@dataclass(frozen=True)
class Scores:
    """What a model remembers of a testbed.

    Attributes
    ----------
    knowmem_forget_shown, knowmem_forget_heldout, knowmem_retain : float
        Share of open-class questions whose greedy answer equals the true one, case and
        punctuation aside; 0 to 1, higher means more remembered.
    verbmem_forget, verbmem_retain : float
        Mean ROUGE-L F1, without stemming, of greedy continuations; 0 to 1, higher means more
        remembered by heart.
    nll_forget, nll_retain : float
        Nats a token over the answer tokens of all question rows, the end token included; lower
        means better known. Forget is shown and held-out together.
    knowmem_by_relation : dict of str to float
        "forget/capital" and so on, open and closed relations alike.
    closed_class : dict of str to float
        "forget", "retain": share right over closed-class questions. "forget_guess",
        "retain_guess": what the commonest answer of each relation would score. Never a headline.
    """

    knowmem_forget_shown: float
    knowmem_forget_heldout: float
    knowmem_retain: float
    verbmem_forget: float
    verbmem_retain: float
    nll_forget: float
    nll_retain: float
    knowmem_by_relation: dict[str, float] = field(default_factory=dict)
    closed_class: dict[str, float] = field(default_factory=dict)

    @property
    def knowmem_forget(self) -> float:
        """The worse half's knowledge: what "forgotten" is judged by."""
        return max(self.knowmem_forget_shown, self.knowmem_forget_heldout)

    def headline(self) -> dict[str, float]:
        """The seven scores, without the breakdown."""
        return {name: getattr(self, name) for name in HEADLINE}

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{name}</td><td style='text-align:right'>{value:.3f}</td></tr>"
            for name, value in self.headline().items()
        )
        return f"<table><tr><th>score</th><th>value</th></tr>{cells}</table>"


def evaluate(model: Any, lab: Testbed, *, verbatim: bool = True) -> Scores:
    """Score a model on a testbed; nothing of the model is changed.

    Parameters
    ----------
    model : a Hugging Face causal language model
    lab : Testbed
    verbatim : bool
        Whether to take verbatim memory, which is half of the time; without, both of its scores are NaN.

    Returns
    -------
    Scores

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> evaluate(lab.never_learned, lab).knowmem_forget_heldout
    0.0
    """
    return evaluate_with_answers(model, lab, verbatim=verbatim)[0]


def evaluate_with_answers(
    model: Any, lab: Testbed, *, verbatim: bool = True
) -> tuple[Scores, dict[str, str]]:
    """`evaluate`, and what the model said to each question about what must be forgotten.

    Returns
    -------
    scores : Scores
    answers : dict of str to str
        The greedy answer by `Question.key`, shown facts first, then held-out ones.
    """
    groups = [split.questions for split in (lab.forget_shown, lab.forget_heldout, lab.retain)]
    with evaluating(model):
        answered = answer(model, lab.tokenizer, [q for group in groups for q in group])
        passages = [*lab.verbatim_forget, *lab.verbatim_retain] if verbatim else []
        recited = recite(model, lab.tokenizer, passages) if passages else []
    shown, heldout, retain = _split_answers(answered, groups)
    forget_questions = [*groups[0], *groups[1]]
    forget = _join(shown, heldout)
    cut = len(lab.verbatim_forget) if verbatim else 0
    given = {question.key: text for question, text in zip(forget_questions, forget.given, strict=True)}
    scores = Scores(
        knowmem_forget_shown=_share_right(groups[0], shown),
        knowmem_forget_heldout=_share_right(groups[1], heldout),
        knowmem_retain=_share_right(groups[2], retain),
        verbmem_forget=_mean(recited[:cut]),
        verbmem_retain=_mean(recited[cut:]),
        nll_forget=forget.mean_nll,
        nll_retain=retain.mean_nll,
        knowmem_by_relation={
            **_by_relation("forget", forget_questions, forget),
            **_by_relation("retain", groups[2], retain),
        },
        closed_class={
            **_closed_class("forget", forget_questions, forget),
            **_closed_class("retain", groups[2], retain),
        },
    )
    return scores, given


def _split_answers(answered: Answered, groups: Sequence[Sequence[Question]]) -> list[Answered]:
    parts, start = [], 0
    for group in groups:
        part = slice(start, start + len(group))
        names = ("given", "right", "nll", "tokens")
        parts.append(Answered(*(getattr(answered, name)[part] for name in names)))
        start += len(group)
    return parts


def _join(one: Answered, other: Answered) -> Answered:
    return Answered(
        one.given + other.given, one.right + other.right, one.nll + other.nll, one.tokens + other.tokens
    )


def _mean(values: Iterable[float]) -> float:
    """The mean; NaN of nothing, so that a score that was not taken cannot pass for 0."""
    listed = list(values)
    return fmean(listed) if listed else float("nan")


def _share_right(questions: Sequence[Question], answered: Answered) -> float:
    pairs = zip(questions, answered.right, strict=True)
    return _mean(float(hit) for question, hit in pairs if question.open_class)


def _by_relation(side: str, questions: Sequence[Question], answered: Answered) -> dict[str, float]:
    hits: dict[str, list[float]] = {}
    for question, hit in zip(questions, answered.right, strict=True):
        hits.setdefault(f"{side}/{question.relation}", []).append(float(hit))
    return {name: fmean(values) for name, values in hits.items()}


def _closed_class(side: str, questions: Sequence[Question], answered: Answered) -> dict[str, float]:
    """The closed-class share, beside what the commonest answer of each relation would score."""
    pairs = [p for p in zip(questions, answered.right, strict=True) if not p[0].open_class]
    if not pairs:
        return {}
    counts: dict[str, Counter[str]] = {}
    for question, _ in pairs:
        counts.setdefault(question.relation, Counter())[question.answer] += 1
    guessed = sum(counter.most_common(1)[0][1] for counter in counts.values())
    return {
        side: fmean(float(hit) for _, hit in pairs),
        f"{side}_guess": guessed / len(pairs),
    }
