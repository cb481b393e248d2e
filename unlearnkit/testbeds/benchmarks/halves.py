"""What must be forgotten, in two halves: attacks see the first only."""

from __future__ import annotations

from itertools import compress

from unlearnkit.errors import BadInput
from unlearnkit.testbeds.files.located import HALVES, Located, LocatedRows
from unlearnkit.testbeds.rows import Listing


def halves(rows: LocatedRows) -> tuple[LocatedRows, LocatedRows]:
    """The rows that attacks see, and the others, each in order.

    Files may say it, with a field "half". Otherwise the first half of the subjects is shown, so that no
    subject (an author, a document) lies in both; of one subject alone, the first half of its rows is.

    Raises
    ------
    BadInput
        When a half is empty, or only some rows say theirs.
    """
    shown = _said(rows) if any(located.half for located in rows) else _by_subject(rows)
    ours = tuple(compress(rows, shown))
    others = tuple(compress(rows, (not yes for yes in shown)))
    if rows and not (ours and others):
        raise BadInput(
            f"{rows[0].place}: what must be forgotten is cut into a half that attacks see and one "
            "that they do not, and one of them is empty; give each at least one row"
        )
    return ours, others


def _by_subject(rows: LocatedRows) -> list[bool]:
    subjects = list(dict.fromkeys(_subject(located) for located in rows))
    if len(subjects) < 2:
        return [i < (len(rows) + 1) // 2 for i in range(len(rows))]
    first = set(subjects[: (len(subjects) + 1) // 2])
    return [_subject(located) in first for located in rows]


def _subject(located: Located) -> str:
    return "" if isinstance(located.row, Listing) else located.row.subject


def _said(rows: LocatedRows) -> list[bool]:
    for located in rows:
        if located.half not in HALVES:
            given = f'"{located.half}"' if located.half else "missing"
            raise BadInput(
                f'{located.place}, field "half": is {given}; say "shown" or "heldout" on every row, '
                "or on none"
            )
    return [located.half == "shown" for located in rows]
