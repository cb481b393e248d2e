"""How a multiple-choice question is put to a model."""

from __future__ import annotations

from collections.abc import Sequence

from unlearnkit.errors import BadInput
from unlearnkit.testbeds.rows import Question

LETTERS = ("A", "B", "C", "D")
TOPICS = {"bio": "biology", "cyber": "cybersecurity", "chem": "chemistry"}  # WMDP's three sets


def description(about: str) -> str:
    r"""The sentence before a question, as lm-evaluation-harness words it; "" without a topic.

    Examples
    --------
    >>> description("biology")
    'The following are multiple choice questions (with answers) about biology.\n\n'
    """
    return f"The following are multiple choice questions (with answers) about {about}.\n\n" if about else ""


def letter_prompt(question: Question, *, about: str) -> str:
    """What the harness shows of a question of WMDP or MMLU: its four options by letter, then "Answer:".

    Parameters
    ----------
    question : Question
        With four options.
    about : str
        The topic in the description before it, such as "biology"; "" leaves the description out.

    Examples
    --------
    >>> asked = Question("Chad", "capital", "What is the capital of Chad?", "Lima",
    ...                  options=("Oslo", "Lima", "Rome", "Kyiv"))
    >>> print(letter_prompt(asked, about=""))
    What is the capital of Chad?
    A. Oslo
    B. Lima
    C. Rome
    D. Kyiv
    Answer:
    """
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=True)]
    return description(about) + "\n".join([question.question.strip(), *lines, "Answer:"])


def right_option(question: Question) -> int:
    """The place of the right option, 0 to 3."""
    return question.options.index(question.answer)


def require_choices(questions: Sequence[Question]) -> None:
    """Raise unless every question has four options, and its answer is just one of them.

    Raises
    ------
    BadInput
        Naming the first question that has not.
    """
    if not questions:
        raise BadInput("questions: none given, so there is no share to take; give at least one")
    for place, question in enumerate(questions, start=1):
        where = f"questions: number {place} ({question.question[:60]!r})"
        count = len(question.options)
        if count != len(LETTERS):
            raise BadInput(f"{where} has {count} options, and the letters A to D need four; leave it out")
        if question.options.count(question.answer) != 1:
            times = question.options.count(question.answer)
            raise BadInput(
                f"{where} has its answer {question.answer!r} {times} times among its options, not once, so "
                "no letter is the right one; correct it or leave it out"
            )
        if not all(option.strip() for option in question.options):
            raise BadInput(f"{where} has an empty option, whose length divides nothing; give it text")
