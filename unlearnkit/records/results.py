"""The content of a results.json: checked, and taken apart into rows with what belongs beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.records.entries import Beside, beside
from unlearnkit.records.rows import Entry, question_entry, take_apart

SCHEMA = 1
PARTS = ("rows", "controls", "testbed", "versions")


@dataclass(frozen=True)
class Results:
    """Rows ready for the tables, controls first, and the questions that they answer."""

    testbed: str
    parts: list[tuple[Entry, Beside]]
    questions: list[tuple[str, int, str, str]]


def read_results(content: object, tags: tuple[str, ...] = ()) -> Results:
    """Check a results.json whole before anything is written; raises BadInput that says where it is wrong."""
    if not isinstance(content, Mapping) or any(name not in content for name in PARTS):
        raise BadInput(
            f"results: this is no results.json, which has {', '.join(PARTS)}; give one that "
            "`unlearnkit compare` wrote"
        )
    if content.get("schema") != SCHEMA:
        raise BadInput(
            f"results: schema {content.get('schema')!r} is not known, only {SCHEMA} is; update unlearnkit"
        )
    parts = [*_controls(content), *_runs(content, tags)]
    asked = enumerate(content.get("questions") or ())
    questions = [question_entry(question, f"results: question {place}") for place, question in asked]
    return Results(content["testbed"], parts, questions)


def _controls(content: Mapping[str, Any]) -> Iterator[tuple[Entry, Beside]]:
    for place, row in enumerate(content["controls"]):
        yield _part(row, f"results: control {place}", content, (), ())


def _runs(content: Mapping[str, Any], tags: tuple[str, ...]) -> Iterator[tuple[Entry, Beside]]:
    """Runs are tagged, and linked to the controls that they were judged by."""
    problems: dict[tuple[Any, Any], list[str]] = {}
    for row in content["controls"]:
        problems.setdefault((row["task"], row["fold"]), []).append(row["run_id"])
    for place, row in enumerate(content["rows"]):
        problem = (row.get("task"), row.get("fold")) if isinstance(row, Mapping) else None
        linked = problems.get(problem, []) if problem else []
        yield _part(row, f"results: row {place}", content, tags, tuple(linked))


def _part(
    row: Any, where: str, content: Mapping[str, Any], tags: tuple[str, ...], controls: tuple[str, ...]
) -> tuple[Entry, Beside]:
    shared = {name: content.get(name) for name in ("testbed", "versions", "device")}
    try:
        entry = take_apart(row)
        return entry, beside(row, tags=tags, controls=controls, **shared)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
