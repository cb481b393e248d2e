"""The fields of a claim, from what the ledger holds to what a claim holds, or a named error.

Each reader takes the field's name, for messages, and what YAML made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from typing import Any

from unlearnkit import objectives, optim
from unlearnkit.errors import BadInput, require_integer, require_one_of, require_positive, unknown_name
from unlearnkit.studies.claim import HASH_DIGITS, KINDS, Claim, Revision
from unlearnkit.testbeds.atlas.tasks import FOLDS, SEALED_FOLD, TASKS

Reader = Callable[[str, object], Any]

CALIBRATION_FOLD = 0
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HASH = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}")


def require_fields(where: str, entry: Mapping[Any, Any], wanted: Sequence[str]) -> None:
    """Raise for a field that is not wanted, or wanted and not there."""
    for unknown in (name for name in entry if name not in wanted):
        raise unknown_name(f"{where}: field", unknown, wanted)
    missing = [name for name in wanted if name not in entry]
    if missing:
        raise BadInput(f"{where}: {', '.join(missing)} missing; a claim without it cannot be judged: add it")


def in_short(value: object) -> str:
    """What was given, in a few words."""
    if value is None or value in ("", [], {}):
        return "nothing"
    shown = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:40]}…"
    return f"{shown} ({type(value).__name__})"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{name} must be text, not {in_short(value)}; say it in words")
    return " ".join(value.split())


def _id(name: str, value: object) -> str:
    text = _text(name, value)
    if not ID.fullmatch(text):
        raise BadInput(
            f'{name} must be words in lower case with hyphens, not "{text}"; such as sign-is-robust'
        )
    return text


def _one_of(known: Callable[[], Sequence[str]]) -> Reader:
    def read(name: str, value: object) -> str:
        """One of the names known now: catalogues grow."""
        require_one_of(name, value, known())
        return str(value)

    return read


def _number(name: str, value: object) -> float:
    require_positive(name, value, hint="Without a smallest effect that matters nothing can be contradicted.")
    return float(value)  # type: ignore[arg-type]


def _several(read: Reader) -> Reader:
    def read_all(name: str, value: object) -> tuple[Any, ...]:
        """A list, each item read, none twice."""
        if not isinstance(value, list) or not value:
            raise BadInput(
                f"{name} must be a list of at least one, not {in_short(value)}; write it as [a, b]"
            )
        items = tuple(read(name, item) for item in value)
        for item in (item for place, item in enumerate(items) if item in items[:place]):
            raise BadInput(f"{name}: {item} is given more than once; name each once")
        return items

    return read_all


def _fold(name: str, value: object) -> int:
    require_integer(name, value)
    if value == CALIBRATION_FOLD:
        raise BadInput(f"{name}: fold 0 only calibrates, results there flatter; choose 1 to 5")
    if value == SEALED_FOLD:
        raise BadInput(f"{name}: fold {value} is sealed, so that no rule is made for it; choose 1 to 5")
    known = sorted({fold for folds in FOLDS.values() for fold in folds} - {CALIBRATION_FOLD, SEALED_FOLD})
    require_one_of(name, value, known)
    return int(value)  # type: ignore[call-overload, no-any-return]


def _seed(name: str, value: object) -> int:
    require_integer(name, value, minimum=0)
    return int(value)  # type: ignore[call-overload, no-any-return]


def _history(name: str, value: object) -> tuple[Revision, ...]:
    if not isinstance(value, list) or not value:
        raise BadInput(
            f"{name} must be a list of at least one entry, not {in_short(value)}; add date, why and rule"
        )
    entries = tuple(_revision(f"{name}, entry {place}", entry) for place, entry in enumerate(value, start=1))
    for before, after in pairwise(entries):
        if after.date < before.date:
            raise BadInput(
                f"{name} goes backwards, from {before.date} to {after.date}; add new entries at the end"
            )
    return entries


def _revision(name: str, entry: object) -> Revision:
    if not isinstance(entry, dict):
        raise BadInput(f"{name} must be a mapping of date, why and rule, not {in_short(entry)}")
    require_fields(name, entry, ("date", "why", "rule"))
    return Revision(
        _date(f"{name}: date", entry["date"]), _text(f"{name}: why", entry["why"]), _hash(name, entry["rule"])
    )


def _date(name: str, value: object) -> date:
    # YAML makes a date of 2026-11-24 itself, and text of "2026-11-24" in quotes.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)):
        raise BadInput(f"{name} must be a day as YYYY-MM-DD, not {in_short(value)}")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadInput(f"{name} must be a day that exists, not {value}") from error


def _hash(name: str, value: object) -> str:
    if not (isinstance(value, str) and HASH.fullmatch(value)):
        raise BadInput(
            f"{name}: rule must be {HASH_DIGITS} hexadecimal digits in quotes, not {in_short(value)}; give "
            f'"{"0" * HASH_DIGITS}", load again, and the message says the right ones'
        )
    return value


def _readers() -> Iterator[tuple[str, Reader]]:
    for field in fields(Claim):
        yield field.name, _text
    yield "id", _id
    yield "kind", _one_of(lambda: KINDS)
    yield "objective", _one_of(cache(lambda: tuple(objectives.catalogue().name)))
    yield "arms", _several(_one_of(cache(lambda: tuple(optim.catalogue().name))))
    yield "matching", _several(_text)
    yield "tasks", _several(_one_of(lambda: TASKS))
    yield "folds", _several(_fold)
    yield "seeds", _several(_seed)
    yield "smallest_effect", _number
    yield "history", _history


READERS: dict[str, Reader] = dict(_readers())
