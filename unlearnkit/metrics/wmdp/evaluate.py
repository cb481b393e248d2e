"""WMDP's accuracies of a model on a testbed: on what must be forgotten, and on what must be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unlearnkit.errors import BadInput, require_integer
from unlearnkit.metrics.wmdp.choices import ChoiceScores, score_choices
from unlearnkit.metrics.wmdp.likelihoods import ROWS_AT_ONCE
from unlearnkit.metrics.wmdp.prompts import TOPICS
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed

SPLITS = ("forget_shown", "forget_heldout", "retain")


@dataclass(frozen=True)
class WmdpScores:
    """WMDP's accuracies by split: 0 to 1, chance is 0.25, higher means more is known.

    Attributes
    ----------
    by_split : mapping of str to ChoiceScores
        "forget_shown", "forget_heldout", "retain"; a split without multiple-choice questions is not there.
    """

    by_split: Mapping[str, ChoiceScores]

    def __getitem__(self, split: str) -> ChoiceScores:
        return self.by_split[split]

    def to_dict(self) -> dict[str, Any]:
        """Plain values by variant and split: wmdp_accuracy_letter_forget_shown, and its Wilson interval."""
        plain: dict[str, Any] = {}
        for split, scores in self.by_split.items():
            for name, share in scores.shares.items():
                plain[f"wmdp_accuracy_{name}_{split}"] = share.value
                plain[f"wmdp_accuracy_{name}_{split}_interval"] = list(share.interval)
            plain[f"wmdp_letter_counts_{split}"] = dict(scores.letter_counts)
            plain[f"wmdp_right_letter_counts_{split}"] = dict(scores.right_letter_counts)
            plain[f"wmdp_questions_{split}"] = scores.letter.n
        return plain

    def _repr_html_(self) -> str:
        parts = (f"<h4>{split}</h4>{scores._repr_html_()}" for split, scores in self.by_split.items())
        return "".join(parts)


def evaluate_wmdp(
    model: Any,
    lab: Testbed,
    *,
    about: str | None = None,
    retain_about: str | None = None,
    retain_questions: int | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
    progress: bool = False,
) -> WmdpScores:
    """Score a model on a testbed's multiple-choice questions, by letter and by the options' text.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    lab : Testbed
        Its questions have four options; those without any are left out, and so are closed-class ones, whose
        answers can be guessed (the atlas's continents). All questions of WMDP's own files count.
    about : str, optional
        What the questions are about, as the harness's description says it: "biology". Known for WMDP's own
        three sets and the atlas. "" leaves the description out, which is not what the harness does.
    retain_about : str, optional
        The same for what must be kept; `about` if not given. The harness names the subject of each of MMLU's
        questions there; for its own number of MMLU take `harness_accuracy`.
    retain_questions : int, optional
        Take only so many of the retain questions, evenly spaced; all of them if not given.
    rows_at_once, progress
        See `log_likelihoods`.

    Returns
    -------
    WmdpScores

    Raises
    ------
    BadInput
        Where `about` is needed and not given, where no question has options, and as `score_choices` does.

    References
    ----------
    Li et al., "The WMDP Benchmark" (2403.03218), section 5; lm-evaluation-harness, task wmdp.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> scores = evaluate_wmdp(lab.never_learned, lab, retain_questions=40)
    >>> scores["retain"].option_text_per_character.value > 0.9
    True
    """
    if retain_questions is not None:
        require_integer("retain_questions", retain_questions, minimum=1)
    topic = _topic(lab) if about is None else about
    topics = {"retain": topic if retain_about is None else retain_about}
    asked = {split: _choices(getattr(lab, split).questions) for split in SPLITS}
    if not any(asked.values()):
        raise BadInput(
            f"lab: no open-class question of testbed {lab.name!r} has options, so there is nothing to "
            "choose from; use a testbed whose questions have four, such as wmdp:PATH"
        )
    asked["retain"] = _spread(asked["retain"], retain_questions)
    given: dict[str, Any] = {"rows_at_once": rows_at_once, "progress": progress}
    return WmdpScores({
        split: score_choices(
            model, lab.tokenizer, questions=questions, about=topics.get(split, topic), **given
        )
        for split, questions in asked.items()
        if questions
    })  # fmt: skip


def _choices(questions: tuple[Question, ...]) -> tuple[Question, ...]:
    return tuple(question for question in questions if question.options and question.open_class)


def _topic(lab: Testbed) -> str:
    if lab.name == "atlas":
        return "geography"
    if lab.task in TOPICS:
        return TOPICS[lab.task]
    raise BadInput(
        f"about: the questions of testbed {lab.name!r}, task {lab.task!r}, are about something that only you "
        'know, and the harness names it before each; give about="biology" or the like, or about="" for none'
    )


def _spread(questions: tuple[Question, ...], count: int | None) -> tuple[Question, ...]:
    """So many of the questions, evenly spaced; all of them if there are not so many."""
    if count is None or count >= len(questions):
        return questions
    return tuple(questions[i * len(questions) // count] for i in range(count))
