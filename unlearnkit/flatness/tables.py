"""A small table in HTML, for results in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def html_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A titled table, all text escaped."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<table><caption>{escape(title)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )
