"""The tables of a store, and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from unlearnkit.errors import BadInput
from unlearnkit.metrics.scores import HEADLINE

APPLICATION_ID = 0x756E6C6B  # "unlk": other programs' SQLite files are never touched

# A list of statements for each version. Files lie on users' disks: a step that was released is never edited;
# what changes comes as a new step at the end. What a row says stands whole in `body`; the other columns
# are there to filter and to sort, and are made from it.
_SCORES = ", ".join(f"{name} REAL" for name in HEADLINE)
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"""CREATE TABLE runs (
            id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, seed INTEGER NOT NULL, time TEXT NOT NULL,
            testbed TEXT NOT NULL, control TEXT, task TEXT, fold INTEGER, objective TEXT, optimizer TEXT,
            grade TEXT, lr REAL, batch_size INTEGER, steps INTEGER, device TEXT, status TEXT, {_SCORES},
            cost TEXT NOT NULL, versions TEXT NOT NULL, notes TEXT NOT NULL, body TEXT NOT NULL,
            UNIQUE (run_id, seed))""",
        f"""CREATE TABLE attacks (
            id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            place INTEGER NOT NULL, key TEXT NOT NULL, attack TEXT NOT NULL, name TEXT NOT NULL,
            family TEXT NOT NULL, steps INTEGER, {_SCORES}, recovery_shown REAL, recovery_heldout REAL,
            outcome TEXT, body TEXT NOT NULL, UNIQUE (run, key))""",
        """CREATE TABLE tags (
            run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, tag TEXT NOT NULL,
            PRIMARY KEY (run, tag)) WITHOUT ROWID""",
        "CREATE INDEX runs_by_optimizer ON runs (optimizer, control)",
        "CREATE INDEX runs_by_problem ON runs (task, fold, control)",
        "CREATE INDEX runs_by_status ON runs (status, control)",
        "CREATE INDEX attacks_by_outcome ON attacks (outcome, run)",
        "CREATE INDEX tags_by_tag ON tags (tag, run)",
    ),
    (
        # Outcomes of version 1 were given under the one rule that there was.
        "ALTER TABLE attacks ADD COLUMN rule TEXT",
        "UPDATE attacks SET rule = 'recovery-0.10' WHERE outcome IS NOT NULL",
        "ALTER TABLE runs ADD COLUMN controls TEXT NOT NULL DEFAULT '[]'",
        """CREATE TABLE answers (
            run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, key TEXT NOT NULL,
            given TEXT NOT NULL, PRIMARY KEY (run, key)) WITHOUT ROWID""",
        """CREATE TABLE questions (
            testbed TEXT NOT NULL, task TEXT NOT NULL, fold INTEGER NOT NULL, id TEXT NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (testbed, task, fold, id))""",
    ),
)
VERSION = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection, place: Path | None) -> None:
    """Make the tables, or bring an older file up to date after a copy of it was kept.

    Raises
    ------
    BadInput
        For a newer file, or one that another program made; neither is changed.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == VERSION and _version(connection, place) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, place)  # here, where no other process can be half-way through
        if 0 < version < VERSION and place is not None:
            back_up(place, version)
        for statement in (statement for step in MIGRATIONS[version:] for statement in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, place: Path | None) -> int:
    """The schema version of a file; 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (tables or version or owner):
        raise BadInput(
            f"store: {place} is an SQLite file of another program; it is left as it is; name another file"
        )
    if version > VERSION:
        raise BadInput(
            f"store: {place} has schema version {version}, and this unlearnkit reads up to {VERSION}; it is "
            "left as it is. Update unlearnkit (python -m pip install -U unlearnkit), or have the newer one "
            "write it as JSON Lines (unlearnkit records export FILE) and import that into another store"
        )
    return int(version)


def back_up(place: Path, version: int) -> Path:
    """Copy a store before it is migrated, whole or not at all; returns the copy's path."""
    stem = f"{place.name}.backup-v{version}"
    names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
    copy = next(path for path in map(place.with_name, names) if not path.exists())
    draft = copy.with_name(f".{copy.name}.unfinished")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target)
        return draft.replace(copy)
    finally:
        draft.unlink(missing_ok=True)
