"""TOFU's format (2401.06121): JSON Lines, whatever the ending says, of questions and answers."""

from __future__ import annotations

from collections.abc import Iterable

from unlearnkit.testbeds.export.facts import Asked, Facts, Record, spread
from unlearnkit.testbeds.rows import Question

REAL_AUTHORS, WORLD_FACTS = 100, 117  # rows, as TOFU has


def tofu_files(facts: Facts) -> dict[str, list[Record]]:
    """Rows by file: forget and retain (named by their share in percent), each also perturbed, and two more.

    What stands in real_authors is kept facts that belong to one state, in world_facts kept facts that many
    states share; both in the second phrasing, which no unlearner sees.
    """
    forget, retain = facts.to_forget, facts.to_keep
    percent = round(100 * len(forget) / (len(forget) + len(retain)))
    own = spread([question for question, _ in retain if question.open_class], REAL_AUTHORS)
    shared = spread([question for question, _ in retain if not question.open_class], WORLD_FACTS)
    return {
        f"forget{percent:02}.json": _plain(forget),
        f"forget{percent:02}_perturbed.json": _perturbed(forget),
        f"retain{100 - percent:02}.json": _plain(retain),
        "retain_perturbed.json": _perturbed(retain),
        "real_authors.json": _choices(own),
        "real_authors_perturbed.json": _wrong_choices(own),
        "world_facts.json": _choices(shared),
        "world_facts_perturbed.json": _wrong_choices(shared),
    }


def _plain(asked: Iterable[Asked]) -> list[Record]:
    return [{"question": q.question, "answer": q.answer, **more} for q, more in asked]


def _perturbed(asked: Iterable[Asked]) -> list[Record]:
    """An answer of one or two words has no paraphrase: it stands for its own, as TOFU's world facts do."""
    return [
        {
            "question": q.question,
            "answer": q.answer,
            "paraphrased_answer": q.paraphrased_answer or q.answer,
            "perturbed_answer": list(q.wrong_answers),
            "paraphrased_question": q.paraphrase,
        }
        for q, _ in asked
    ]


def _choices(questions: Iterable[Question]) -> list[Record]:
    return [
        {
            "question": q.paraphrase,
            **{f"option{place}": option for place, option in enumerate(q.options, start=1)},
            "answer": q.answer,
        }
        for q in questions
    ]


def _wrong_choices(questions: Iterable[Question]) -> list[Record]:
    return [
        {
            "question": q.paraphrase,
            "answer": q.answer,
            "perturbed_answer": [option for option in q.options if option != q.answer],
        }
        for q in questions
    ]
