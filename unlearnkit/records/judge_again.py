"""Every outcome of a store under one rule."""

from __future__ import annotations

import sqlite3
import warnings

from unlearnkit.records.database import Database
from unlearnkit.records.entries import fetch, write_attack
from unlearnkit.records.rules import Row, attacked_runs, controls_of, judged, margin_of

JUDGED = ("recovery", "outcome", "rule")


def rejudge(database: Database, rule: str) -> int:
    """Judge all attacked runs again; see `RunStore.rejudge`."""
    margin_of(rule)
    with database.reading() as connection:
        groups = list(attacked_runs(connection))
    changed, left_out = 0, []
    for numbers in groups:
        with database.writing() as connection:
            for number in numbers:
                done = _rejudge(connection, number, rule)
                if isinstance(done, str):
                    left_out.append(done)
                else:
                    changed += done
    if left_out:
        warnings.warn(
            f"rejudge: {len(left_out)} of {sum(map(len, groups))} runs keep the outcomes they had; the "
            f"first: {left_out[0]}. Add the results.json that it came from, with its controls, and rejudge again",
            stacklevel=3,
        )
    return changed


def _rejudge(connection: sqlite3.Connection, number: int, rule: str) -> int | str:
    """How many attacks of a run changed, or why it was left out."""
    row = fetch(connection, number)
    if row.get("status") == "no control":  # not applicable under any rule
        return 0
    after = judged(row, [fetch(connection, control) for control in controls_of(connection, number)], rule)
    if isinstance(after, str):
        return f"{row['run_id']}: {after}"
    return sum(_write(connection, number, place, *pair) for place, pair in enumerate(_pairs(row, after)))


def _pairs(row: Row, after: list[Row]) -> list[tuple[Row, Row]]:
    return list(zip(row["attacks"], after, strict=True))


def _write(connection: sqlite3.Connection, number: int, place: int, old: Row, new: Row) -> bool:
    """Write what is new; whether more than the rule's name is."""
    if all(old.get(name) == new.get(name) for name in JUDGED):
        return False
    kept = {name: value for name, value in new.items() if name != "answers"}
    write_attack(connection, number, place, kept)
    return any(old.get(name) != new.get(name) for name in ("recovery", "outcome"))
