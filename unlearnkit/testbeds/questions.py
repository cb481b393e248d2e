"""Checks that every file of questions shares."""

from __future__ import annotations

from collections.abc import Sequence

from unlearnkit.testbeds.files.record import Record, shown
from unlearnkit.testbeds.rows import Question


def once(rows: Sequence[Record], fields: tuple[str, ...]) -> None:
    """Raise BadInput where two rows agree in all of these fields, or in their "id"."""
    _once(rows, fields)
    _once([row for row in rows if row.has("id")], ("id",))


def _once(rows: Sequence[Record], fields: tuple[str, ...]) -> None:
    seen: dict[str, Record] = {}
    for row in rows:
        key = repr([row.get(field) for field in fields])
        if key in seen:
            raise row.fault(fields[0], f"stands in {seen[key].place} already; take one of the two out")
        seen[key] = row


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
