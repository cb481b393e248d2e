"""One line that says what a view is doing, or what went wrong; screen readers are told of it."""

from __future__ import annotations

from html import escape

import ipywidgets as W  # noqa: N812 - short, since it stands before every control

from unlearnkit.errors import UnlearnkitError


class StatusLine(W.HTML):
    """A line of plain text, escaped, with the role "status"; errors have the role "alert".

    Attributes
    ----------
    text : str
        What it says.
    error : Exception or None
        The last one, until something else is said.

    Examples
    --------
    >>> line = StatusLine()
    >>> line.say("1 < 2")
    >>> line.value
    '<span role="status">1 &lt; 2</span>'
    """

    def __init__(self) -> None:
        super().__init__()
        self.say("")

    def say(self, text: str) -> None:
        """Show a message."""
        self.text: str = text
        self.error: Exception | None = None
        self.value = f'<span role="status">{escape(text)}</span>'

    def fail(self, error: Exception) -> None:
        """Show an error: ours by its message, another one with its type."""
        plain = isinstance(error, UnlearnkitError)
        self.text = str(error) if plain else f"{type(error).__name__}: {error}"
        self.error = error
        self.value = f'<span role="alert"><b>⚠ Not done.</b> {escape(self.text)}</span>'
