"""TOFU's perturbed rows: the right answer in other words, and wrong ones, joined to their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unlearnkit.testbeds.files.record import Record

ADDED = ("paraphrased_question", "paraphrased_answer", "perturbed_answer")  # the fields of a perturbed row


@dataclass(frozen=True)
class Perturbed:
    """What a perturbed row adds to its question."""

    question: str = ""
    answer: str = ""
    wrong: tuple[str, ...] = ()


def perturbed_of(perturbed: Sequence[Record], rows: Sequence[Record]) -> dict[str, Perturbed]:
    """What was added to which row, by the row's place.

    Rows belong together by their question. A few of TOFU's questions ("What is the full name of the author?")
    are asked twice, with other answers; then the answer decides.

    Raises
    ------
    BadInput
        For a perturbed row whose question is missing or unclear, or that stands there twice; the message
        names both files.
    """
    places: dict[str, list[Record]] = {}
    for row in rows:
        places.setdefault(row.text("question"), []).append(row)
    joined: dict[str, Perturbed] = {}
    first: dict[str, Record] = {}
    for row in perturbed:
        base = _base(row, places.get(row.text("question"), []), rows[0].file)
        if base.place in joined:
            raise row.fault("question", f"stands in {first[base.place].place} already, for {base.place}")
        joined[base.place], first[base.place] = _added(row), row
    return joined


def _base(row: Record, found: Sequence[Record], file: str) -> Record:
    if not found:
        raise row.fault("question", f"is not asked in {file}; the two files do not belong together")
    if len(found) == 1:
        return found[0]
    same = [base for base in found if base.get("answer") == row.get("answer")]
    if len(same) != 1:
        raise row.fault(
            "question", f"is asked {len(found)} times in {file}, and no answer there is this one's"
        )
    return same[0]


def _added(row: Record) -> Perturbed:
    """Wrong answers stand in "perturbed_answer", or in "answer" where that is a list."""
    field = "answer" if isinstance(row.get("answer"), list) else "perturbed_answer"
    return Perturbed(
        question=row.text_or("paraphrased_question", ""),
        answer=row.text_or("paraphrased_answer", ""),
        wrong=row.texts(field, one_will_do=True),
    )
