"""How a store shows itself. Whatever a user wrote is shown as text, and nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import UnlearnkitError

if TYPE_CHECKING:
    from unlearnkit.records.reading import Records

SHOWN = 10  # runs in HTML; the table of all is store.to_frame()
COLUMNS = ("run_id", "task", "fold", "optimizer", "objective", "lr", "status", "tags", "notes")
LONGEST = 200


def in_a_line(store: Records) -> str:
    """The file and what it holds."""
    try:
        runs = store.count()
        controls = store.count(controls=True) - runs
    except UnlearnkitError:  # a repr never raises
        return f"<RunStore {printable(str(store.path))}: closed>"
    place = "in memory" if store.path is None else printable(str(store.path))
    return f"<RunStore {place}: {runs:,} runs, {controls:,} controls>"


def in_html(store: Records) -> str:
    """The same, and a table of the first runs."""
    title = f"<b>{escape(in_a_line(store)[1:-1])}</b>"
    try:
        frame = store.to_frame(limit=SHOWN)
    except UnlearnkitError:
        return title
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = frame[list(COLUMNS)].itertuples(index=False)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    more = f"<p>The first {SHOWN}; all: <code>store.to_frame()</code></p>" if store.count() > SHOWN else ""
    return f"{title}<table><tr>{head}</tr>{body}</table>{more}"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(value)
    if isinstance(value, float):
        value = "" if value != value else f"{value:g}"
    return escape(shortened(printable("" if value is None else str(value))))


def printable(text: str) -> str:
    r"""The text with what a terminal or a page would obey written out: "\x1b[2J" and the like.

    Examples
    --------
    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
