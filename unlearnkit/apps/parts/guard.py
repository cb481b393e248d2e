"""Callbacks whose errors are shown: a browser never sees an exception of the kernel's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def guarded(act: Callable[..., None], failed: Callable[[Exception], None]) -> Callable[..., None]:
    """`act`, with its exceptions handed to `failed`.

    Examples
    --------
    >>> guarded(lambda: 1 / 0, print)()
    division by zero
    """

    def call(*arguments: Any) -> None:
        """Ipywidgets would write the exception to a log that nobody sees."""
        try:
            act(*arguments)
        except Exception as error:
            failed(error)

    return call
