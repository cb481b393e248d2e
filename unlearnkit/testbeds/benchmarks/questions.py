"""Checks that every file of questions shares."""

from __future__ import annotations

from collections.abc import Sequence

from unlearnkit.testbeds.files.record import Record, shown
from unlearnkit.testbeds.rows import Question


def without_repeats(
    rows: Sequence[Record], part: str, notes: list[str], *, by: tuple[str, ...] = ("question", "answer")
) -> list[Record]:
    """Each row once: of those that agree in all fields of `by`, the first. The notes say how many went.

    The published files repeat some rows: 105 of MMLU's 14,042 test questions stand there twice
    (hendrycks/test, issue 29). A question that comes again with another answer is another row.

    Raises
    ------
    BadInput
        Where two rows have the same "id".
    """
    _ids_once(rows)
    first: dict[str, Record] = {}
    for row in rows:
        first.setdefault(_key(row, by), row)
    if len(first) < len(rows):
        notes.append(f"{len(rows) - len(first)} rows of {part} stand there a second time, and were left out")
    return list(first.values())


def same_answer(rows: Sequence[Record], by: tuple[str, ...]) -> None:
    """Raise BadInput where rows agree in all fields of `by`, and their answers differ."""
    seen: dict[str, Record] = {}
    for row in rows:
        first = seen.setdefault(_key(row, by), row)
        if first.get("answer") != row.get("answer"):
            raise row.fault(
                "answer", f"is not that of {first.place}, which asks the same; correct one of the two"
            )


def _key(row: Record, fields: tuple[str, ...]) -> str:
    return repr([row.fields.get(field) for field in fields])


def _ids_once(rows: Sequence[Record]) -> None:
    seen: dict[str, Record] = {}
    for row in rows:
        if row.has("id"):
            first = seen.setdefault(_key(row, ("id",)), row)
            if first is not row:
                raise row.fault("id", f"stands in {first.place} already; take one of the two out")


def distinct(rows: Sequence[Record], questions: Sequence[Question]) -> None:
    """Raise BadInput where one relation is asked of one subject twice: scores are kept by these two."""
    seen: dict[str, Record] = {}
    for row, question in zip(rows, questions, strict=True):
        if question.key in seen:
            raise row.fault("relation", f"is asked of the same subject in {seen[question.key].place} already")
        seen[question.key] = row


def flag_or(row: Record, field: str, default: bool) -> bool:
    """True or false, or the default where the row has no such field."""
    given = row.get(field) if row.has(field) else default
    if not isinstance(given, bool):
        raise row.fault(field, f"must be true or false, not {shown(given)}")
    return given
