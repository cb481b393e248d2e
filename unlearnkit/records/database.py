"""One SQLite file: opened, shared by threads and processes, its faults said in words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from unlearnkit.errors import BadInput, MissingReference, UnlearnkitError
from unlearnkit.records.schema import prepare

PATIENCE = 60.0  # seconds to wait for another writer; ours take milliseconds
PAUSE = 0.02


class StoreFault(UnlearnkitError):
    """The store's file could not be read or written; what was committed before is as it was."""


class Database:
    """A connection that threads may share; `place` is None for one in memory.

    Every change is one short transaction: there whole or not at all, whatever kills the process, and
    other processes wait for it.
    """

    def __init__(self, place: Path | None, *, create: bool = True) -> None:
        self.place = place
        self._lock = RLock()
        if place is not None:
            _require_place(place, create)
        with in_words(place):
            self._connection = sqlite3.connect(
                ":memory:" if place is None else place,
                timeout=PATIENCE,
                isolation_level=None,  # transactions are begun and ended here, by name
                check_same_thread=False,
            )
            try:
                _open(self._connection, place)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one query."""
        with self._lock, in_words(self.place):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection inside of a transaction: committed at the end, taken back if anything raises."""
        with self._lock, in_words(self.place):
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk has taken it back already
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """The connection, for several queries that see the store as it is now, whatever others write."""
        with self._lock, in_words(self.place):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with self._lock:
            self._connection.close()


def _require_place(place: Path, create: bool) -> None:
    if place.is_dir():
        raise BadInput(f"store: {place} is a folder; name a file in it, such as {place / 'runs.sqlite'}")
    if place.exists():
        return
    if not create:
        raise MissingReference(
            f"store: there is no {place}; name a store that is there, or make one with "
            "`unlearnkit records import FILE --store PATH`"
        )
    if not place.parent.is_dir():
        raise BadInput(f"store: the folder {place.parent} does not exist; make it, or name another place")


def _open(connection: sqlite3.Connection, place: Path | None) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    prepare(connection, place)
    if place is not None:
        _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, in which readers and a writer do not wait for each other.

    SQLite does not wait for others when it switches, so we do.
    """
    deadline = time.monotonic() + PATIENCE
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
    # A killed process loses nothing; a power cut may lose the last commits, never what came before.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")


LOG_PAGES = (
    8192  # 32 MiB of log before it is worked into the file: a row with its answers takes 5 to 10 pages
)


REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full. Nothing of this change was written, and what was there before is "
    "intact; make room and do it again",
    sqlite3.SQLITE_BUSY: f"another program has been writing to it for {PATIENCE:.0f} seconds; try again when "
    "it has ended",
    sqlite3.SQLITE_READONLY: "it cannot be written to; name another place, with --store or RunStore(PATH)",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; name a file that you may read and write",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file; it is left as it is; name another file",
    sqlite3.SQLITE_CORRUPT: "it is damaged; go back to a copy, or to its last export",
    sqlite3.SQLITE_TOOBIG: "a text is longer than SQLite can hold; shorten it",
}


@contextmanager
def in_words(place: Path | None) -> Iterator[None]:
    """Turn what SQLite says into a StoreFault that says what to do."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise StoreFault(
            f"store: {place or 'in memory'}: {error} Open it again with RunStore(PATH)"
        ) from error
    except sqlite3.Error as error:
        reason = REASONS.get(_code(error), f"{error}; what was there before is intact")
        raise StoreFault(f"store: {place or 'in memory'}: {reason}") from error


def _code(error: sqlite3.Error) -> int:
    """The primary result code; extended ones carry more in their upper bits."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
