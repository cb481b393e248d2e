"""Words in a view, escaped."""

from __future__ import annotations

from html import escape


def html_text(text: str) -> str:
    """A paragraph of plain text, escaped.

    Examples
    --------
    >>> html_text("0 < 1")
    '<p>0 &lt; 1</p>'
    """
    return f"<p>{escape(text)}</p>"
