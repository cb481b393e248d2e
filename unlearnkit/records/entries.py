"""Rows in and out of the tables; every function works inside of a transaction that its caller holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from unlearnkit.attacks.rows import attack_key
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.records.rows import (
    BEFORE,
    LONGEST_ID,
    LONGEST_NOTE,
    Attacked,
    Entry,
    as_json,
    attack_columns,
    check_tag,
    check_text,
    require_mapping,
    take_apart,
)

ATTACKED = "robustness-test"  # put by itself on every run that carries attacks


class OtherResult(BadInput):
    """A run is in the store already, with other weights or scores."""


@dataclass(frozen=True)
class Beside:
    """What a store knows of a row beyond the row itself, checked."""

    testbed: str
    versions: str
    device: str | None
    tags: tuple[str, ...]
    notes: str
    time: str
    controls: str


def beside(
    row: Mapping[str, Any],
    *,
    testbed: str | None = None,
    versions: Mapping[str, Any] | None = None,
    device: str | None = None,
    tags: Iterable[str] = (),
    notes: str = "",
    controls: Sequence[str] = (),
) -> Beside:
    """What is given here, else what the row brings along because `get` or an import made it."""
    if isinstance(tags, str):
        raise BadInput(f'tags must be several texts, not one; write tags=["{tags}"]')
    brought = row.get("tags") or ()
    if isinstance(brought, str | Mapping) or not isinstance(brought, Iterable):
        raise BadInput(f"row: tags must be a list of texts, not {brought!r}")
    named = testbed or row.get("testbed") or (row.get("config") or {}).get("testbed") or "atlas"
    place = device if device is not None else row.get("device")
    linked = controls or row.get("controls") or ()
    if not isinstance(linked, list | tuple):
        raise BadInput(f"row: controls must be a list of run ids, not {linked!r}")
    made_with = versions if versions is not None else row.get("versions") or {}
    require_mapping("versions", made_with)
    return Beside(
        testbed=check_text("testbed", named, longest=LONGEST_NOTE),
        versions=as_json(dict(made_with), "versions"),
        device=None if place is None else check_text("device", place, longest=LONGEST_ID),
        tags=tuple(sorted({check_tag(tag) for tag in (*brought, *tags)})),
        notes=check_text("notes", notes or row.get("notes") or "", longest=LONGEST_NOTE),
        time=_time(row.get("time")),
        controls=as_json(
            [check_text("row: controls", c, longest=LONGEST_ID) for c in linked], "row: controls"
        ),
    )


def _time(given: object) -> str:
    if given is None:
        return datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        return datetime.fromisoformat(check_text("row: time", given, longest=LONGEST_ID)).isoformat(
            timespec="milliseconds"
        )
    except ValueError as error:
        raise BadInput(f"row: time must be a time in ISO 8601, not {given!r}") from error


def put(connection: sqlite3.Connection, entry: Entry, by: Beside) -> bool:
    """Add a row, or merge it with the one that is there; returns whether it is new.

    Raises
    ------
    OtherResult
        Where the one that is there has other weights or scores; nothing is changed.
    """
    found = connection.execute(
        "SELECT id, body FROM runs WHERE run_id = ? AND seed = ?", (entry.run_id, entry.seed)
    ).fetchone()
    if found is None:
        number, stored = _insert(connection, entry, by), []
    else:
        number = found[0]
        _merge(connection, number, json.loads(found[1]), entry, by)
        stored = connection.execute(
            "SELECT body, rule FROM attacks WHERE run = ? ORDER BY place", (number,)
        ).fetchall()
    _put_attacks(connection, number, entry.attacks, [json.loads(body) for body, _ in stored])
    connection.executemany(
        "INSERT OR REPLACE INTO answers (run, key, given) VALUES (?, ?, ?)",
        [(number, key, given) for key, given in entry.answers.items()],
    )
    automatic = (ATTACKED,) if entry.is_run and (entry.attacks or stored) else ()
    add_tags(connection, [number], (*by.tags, *automatic))
    return found is None


def _insert(connection: sqlite3.Connection, entry: Entry, by: Beside) -> int:
    columns = {
        "run_id": entry.run_id, "seed": entry.seed, "time": by.time, "testbed": by.testbed,
        "device": by.device, "versions": by.versions, "notes": by.notes, "controls": by.controls,
        **entry.columns,
    }  # fmt: skip
    return _insert_into(connection, "runs", columns)


def _insert_into(connection: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> int:
    """Insert a row; names of columns are this package's own, values travel as parameters."""
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    done = connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(columns.values()))
    return int(done.lastrowid or 0)


def _merge(
    connection: sqlite3.Connection, number: int, stored: dict[str, Any], entry: Entry, by: Beside
) -> None:
    _require_same(stored, entry)
    joined = take_apart(stored | entry.body)
    (linked,) = connection.execute("SELECT controls FROM runs WHERE id = ?", (number,)).fetchone()
    links = list(dict.fromkeys([*json.loads(linked), *json.loads(by.controls)]))
    columns = {**joined.columns, "controls": as_json(links, "controls")}
    columns |= {"versions": by.versions} if by.versions != "{}" else {}
    columns |= {"device": by.device} if by.device is not None else {}
    columns |= {"notes": by.notes} if by.notes else {}
    sets = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE runs SET {sets} WHERE id = ?", (*columns.values(), number))


def _require_same(stored: dict[str, Any], entry: Entry) -> None:
    """The same id must mean the same result: weights where both have them, else scores."""
    fields = ("weights",) if "weights" in stored and "weights" in entry.body else ("control", "scores")
    one, other = ([json.dumps(row.get(f), sort_keys=True) for f in fields] for row in (stored, entry.body))
    if one != other:
        raise OtherResult(
            f"row: {entry.run_id} is in the store already, with other {fields[-1]}: the same "
            "configuration on another machine, or with other versions. The stored one is kept as it is. To "
            "have this one too, put it into a store of its own; to have it instead, remove the "
            "stored one first: store.remove(run_id)"
        )


def _put_attacks(
    connection: sqlite3.Connection,
    number: int,
    attacks: Sequence[Attacked],
    stored: Sequence[dict[str, Any]],
) -> None:
    there = {attack_key(attack): (place, attack) for place, attack in enumerate(stored)}
    for attack in attacks:
        place, old = there.setdefault(attack.key, (len(there), {}))
        columns = attack_columns(old | attack.content) if old else attack.columns
        write_attack(connection, number, place, columns)


def write_attack(connection: sqlite3.Connection, number: int, place: int, columns: Mapping[str, Any]) -> None:
    """Write the columns of an attack on a run, over the same one where it is there."""
    columns = {"run": number, "place": place, **columns}
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    connection.execute(f"INSERT OR REPLACE INTO attacks ({names}) VALUES ({marks})", list(columns.values()))


def put_questions(
    connection: sqlite3.Connection, testbed: str, questions: Iterable[tuple[str, int, str, str]]
) -> None:
    """Keep questions, for `answers`; the same question again is written over."""
    connection.executemany(
        "INSERT OR REPLACE INTO questions (testbed, task, fold, id, body) VALUES (?, ?, ?, ?, ?)",
        [(testbed, *question) for question in questions],
    )


def add_tags(connection: sqlite3.Connection, numbers: Iterable[int], tags: Iterable[str]) -> None:
    """Tag rows; a tag that is there stays."""
    pairs = [(number, tag) for number in numbers for tag in tags]
    connection.executemany("INSERT OR IGNORE INTO tags (run, tag) VALUES (?, ?)", pairs)


def numbers_of(connection: sqlite3.Connection, run_id: str) -> list[int]:
    """The rows of a run_id: one, or for a control one a seed.

    Raises
    ------
    MissingReference
        When there is none.
    """
    found = connection.execute("SELECT id FROM runs WHERE run_id = ? ORDER BY seed", (_plain(run_id),))
    numbers = [number for (number,) in found]
    if not numbers:
        raise MissingReference(
            f"run_id: {run_id!r} is not in this store; `unlearnkit records list` and store.to_frame() show "
            "what is"
        )
    return numbers


def _plain(run_id: str) -> str:
    return check_text("run_id", run_id, longest=LONGEST_NOTE)


def fetch(connection: sqlite3.Connection, number: int) -> dict[str, Any]:
    """A row as in results.json, with what the store knows beside."""
    names = "testbed", "versions", "device", "notes", "time", "controls", "body"
    values = connection.execute(f"SELECT {', '.join(names)} FROM runs WHERE id = ?", (number,)).fetchone()
    found = dict(zip(names, values, strict=True))
    given = dict(connection.execute("SELECT key, given FROM answers WHERE run = ?", (number,)).fetchall())
    attacks = []
    for (body,) in connection.execute("SELECT body FROM attacks WHERE run = ? ORDER BY place", (number,)):
        attack = json.loads(body)
        attacks.append(_with_answers(attack, given.get(attack_key(attack))))
    tags = connection.execute("SELECT tag FROM tags WHERE run = ? ORDER BY tag", (number,))
    row = {**_with_answers(json.loads(found.pop("body")), given.get(BEFORE)), "attacks": attacks}
    linked = json.loads(found.pop("controls"))
    row |= {**found, "versions": json.loads(found["versions"]), "tags": [tag for (tag,) in tags]}
    return row | ({"controls": linked} if linked else {})


def _with_answers(row: dict[str, Any], given: str | None) -> dict[str, Any]:
    return row if given is None else {**row, "answers": json.loads(given)}
