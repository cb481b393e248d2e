"""JSON Lines: a store as text, one row a line, to send, to keep under version control, to merge."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput, MissingReference, UnlearnkitError
from unlearnkit.files import CannotWrite, write_whole
from unlearnkit.records.database import Database, StoreFault
from unlearnkit.records.entries import Beside, beside, fetch, put, put_questions
from unlearnkit.records.results import read_results
from unlearnkit.records.rows import LONGEST_NOTE, Entry, check_text, question_entry, take_apart

FORMAT, SCHEMA = "unlearnkit records", 1
AT_ONCE = 200  # lines in one transaction: others need not wait long

Question = tuple[str, tuple[str, int, str, str]]
Part = Question | tuple[Entry, Beside]


@dataclass(frozen=True)
class Imported:
    """What became of an import.

    Attributes
    ----------
    added, merged : int
        Rows that are new, and rows that were there already.
    rejected : tuple of (int, str)
        Number and fault of each line that was left out.
    """

    added: int
    merged: int
    rejected: tuple[tuple[int, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def export(database: Database, path: Path, *, overwrite: bool) -> int:
    """Write every row as a line; returns how many rows."""
    if path.exists() and not overwrite:
        raise BadInput(f"path: {path} exists already; name another file, or say overwrite")
    if database.place is not None and path.exists() and path.samefile(database.place):
        raise BadInput(f"path: {path} is the store itself; name another file")
    with database.snapshot() as connection:
        (rows,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        try:
            write_whole(path, (json.dumps(line) + "\n" for line in _lines(connection)))
        except CannotWrite as error:
            raise StoreFault(
                f"path: {path} cannot be written ({error.reason}); nothing was left of it"
            ) from error
    return int(rows)


def _lines(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    yield {"format": FORMAT, "schema": SCHEMA}
    questions = "SELECT testbed, body FROM questions ORDER BY rowid"
    for testbed, body in connection.execute(questions):
        yield {"testbed": testbed, "question": json.loads(body)}
    for (number,) in connection.execute("SELECT id FROM runs ORDER BY id"):
        yield {"row": fetch(connection, number)}


def import_(database: Database, path: Path) -> Imported:
    """Add what a file holds: JSON Lines, or a results.json; see `RunStore.import_`."""
    _require_file(path)
    rejected: list[tuple[int, str]] = []
    parts = _results(path) if path.suffix.lower() == ".json" else _parts(path, rejected)
    new = [0, 0]
    while some := list(islice(parts, AT_ONCE)):
        with database.writing() as connection:
            _put(connection, some, new, rejected)
    return Imported(new[1], new[0], tuple(sorted(rejected)))


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise MissingReference(f"path: there is no file {path}; name one that `export` or `compare` wrote")


def require_readable(path: Path) -> None:
    """Raise, before a store is made for it, unless something in a file can be imported."""
    _require_file(path)
    if path.suffix.lower() == ".json":
        next(_results(path), None)
        return
    if next(_parts(path, []), None) is None:
        raise BadInput(f"path: {path} holds no line of records; name a file that `export` wrote")


def _put(
    connection: sqlite3.Connection,
    parts: Iterable[tuple[int, Part]],
    new: list[int],
    rejected: list[tuple[int, str]],
) -> None:
    for line, (first, second) in parts:
        if isinstance(first, str):
            put_questions(connection, first, [second])  # type: ignore[list-item]
            continue
        try:
            new[put(connection, first, second)] += 1  # type: ignore[arg-type]
        except BadInput as error:
            rejected.append((line, str(error)))


def _results(path: Path) -> Iterator[tuple[int, Part]]:
    """A results.json is right as a whole or not at all; rows count from 1, controls first."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"path: {path} is no JSON ({error}); JSON Lines are called .jsonl") from error
    results = read_results(content)
    yield from ((0, (results.testbed, question)) for question in results.questions)
    yield from enumerate(results.parts, start=1)


def _parts(path: Path, rejected: list[tuple[int, str]]) -> Iterator[tuple[int, Part]]:
    with path.open("rb") as file:  # bytes: only a newline ends a line, whatever the texts hold
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                part = _part(line)
            except BadInput as error:
                rejected.append((number, str(error)))
                continue
            if part is not None:
                yield number, part


def _part(line: bytes) -> Part | None:
    content = _read(line)
    if "format" in content:
        _require_known(content)
        return None
    if "question" in content:
        testbed = check_text("testbed", content.get("testbed"), longest=LONGEST_NOTE)
        return testbed, question_entry(content["question"], "question")
    if "row" not in content:
        raise BadInput('it has neither "row" nor "question"; give lines as `export` wrote them')
    row = content["row"]
    return take_apart(row), beside(row)


def _read(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"it is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"it is no JSON object, but a {type(content).__name__}")
    return content


def _require_known(content: dict[str, Any]) -> None:
    """A newer format raises for the whole file: its lines might mean something else."""
    with suppress(TypeError):
        if content["format"] == FORMAT and content.get("schema", SCHEMA) <= SCHEMA:
            return
    raise NewerFormat(
        f"path: its format is {content['format']!r}, schema {content.get('schema')!r}; this unlearnkit reads "
        f"{FORMAT!r} up to {SCHEMA}; update unlearnkit (python -m pip install -U unlearnkit)"
    )


class NewerFormat(UnlearnkitError):
    """A file of a newer unlearnkit: none of it was read."""
