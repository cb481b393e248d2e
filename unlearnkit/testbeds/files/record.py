"""One row of a file, with checks that name the file, the row and the field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.errors import BadInput

SHOWN = 60  # characters of a wrong value that a message shows


@dataclass(frozen=True)
class Record:
    """One row as it was read; `number` counts from 1.

    Examples
    --------
    >>> row = Record("forget01.json", 3, {"question": "Who?", "answer": None})
    >>> row.text("question")
    'Who?'
    >>> row.text("answer")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: forget01.json, row 3, field "answer": must be text, not null.
    """

    file: str
    number: int
    value: Any

    @property
    def place(self) -> str:
        """Where the row stands, for messages."""
        return f"{self.file}, row {self.number}"

    def fault(self, field: str, rule: str) -> BadInput:
        """The error for a field that breaks a rule."""
        where = f', field "{field}"' if field else ""
        return BadInput(f"{self.place}{where}: {rule}.")

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of a row that has names for them."""
        if not isinstance(self.value, Mapping):
            raise self.fault("", f"must be an object with named fields, not {shown(self.value)}")
        return self.value

    def has(self, field: str) -> bool:
        """Whether the row has the field, whatever stands in it."""
        return isinstance(self.value, Mapping) and field in self.value

    def get(self, field: str) -> Any:
        """What stands in a field; raises BadInput where the row has none."""
        if field not in self.fields:
            given = ", ".join(map(str, self.fields)) or "none"
            raise self.fault(field, f"is missing; the row has {shorten(given)}")
        return self.fields[field]

    def text(self, field: str) -> str:
        """A text that says something; raises BadInput for null, a number, a list, or white space alone."""
        return self._checked(field, self.get(field))

    def text_or(self, field: str, default: str) -> str:
        """A text, or the default where the row has no such field; null is no text."""
        return self.text(field) if self.has(field) else default

    def texts(self, field: str, *, one_will_do: bool = False) -> tuple[str, ...]:
        """A list of texts, at least one; with `one_will_do` a single text passes as a list of one."""
        given = self.get(field)
        if one_will_do and isinstance(given, str):
            given = [given]
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise self.fault(field, f"must be a list of texts, not {shown(given)}")
        if not given:
            raise self.fault(field, "is an empty list; give it at least one text")
        return tuple(self._checked(field, each, number) for number, each in enumerate(given, 1))

    def whole_text(self) -> str:
        """The row itself as a text, or its field "text"."""
        return self.text("text") if isinstance(self.value, Mapping) else self._checked("", self.value)

    def choice(self, field: str, options: Sequence[str]) -> str:
        """The option that a whole number from 0 points to."""
        given = self.get(field)
        if not isinstance(given, int) or isinstance(given, bool):
            raise self.fault(field, f"must be a whole number, 0 to {len(options) - 1}, not {shown(given)}")
        if not 0 <= given < len(options):
            raise self.fault(field, f"must be 0 to {len(options) - 1}, not {given}: counting starts at 0")
        return options[given]

    def _checked(self, field: str, given: object, number: int | None = None) -> str:
        which = "" if number is None else f"entry {number} "
        if not isinstance(given, str):
            raise self.fault(field, f"{which}must be text, not {shown(given)}")
        if not given.strip():
            raise self.fault(field, f"{which}is empty; give it text, or take the row out")
        if any("\ud800" <= letter <= "\udfff" for letter in given):
            raise self.fault(field, f"{which}holds half of a character (a lone surrogate), which is no text")
        return given


def shown(value: object) -> str:
    """A wrong value on one line, as JSON writes it."""
    try:
        return shorten(json.dumps(value, ensure_ascii=True))
    except (TypeError, ValueError):  # such as a date out of a parquet file
        return f"a {type(value).__name__}"


def shorten(text: str) -> str:
    """At most 60 characters of a text."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
