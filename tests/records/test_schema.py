"""An older file is migrated after a copy of it was kept; a newer or foreign one is left as it is."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.records import RunStore, StoreFault
from unlearnkit.records.entries import ATTACKED
from unlearnkit.records.rows import attack_columns, take_apart
from unlearnkit.records.schema import APPLICATION_ID, MIGRATIONS, VERSION


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def old_file(tmp_path, make_row):
    """A store of schema version 1 with one attacked run, as that version wrote it."""
    entry = take_apart(make_row())
    (attack,) = entry.attacks
    body = attack_columns({name: value for name, value in attack.content.items() if name != "rule"})
    del body["rule"]
    run = {
        "run_id": entry.run_id, "seed": entry.seed, "time": "2026-01-02T03:04:05.678+00:00",
        "testbed": "atlas", "device": None, "versions": "{}", "notes": "old", **entry.columns,
    }  # fmt: skip
    path = tmp_path / "runs.sqlite"
    with closing(sqlite3.connect(path)) as file:
        for statement in MIGRATIONS[0]:
            file.execute(statement)
        insert(file, "runs", run)
        insert(file, "attacks", {"run": 1, "place": 0, **body})
        insert(file, "tags", {"run": 1, "tag": ATTACKED})
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("PRAGMA user_version = 1")
        file.commit()
    return path


def insert(file, table: str, columns: dict) -> None:
    marks = ", ".join("?" * len(columns))
    file.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(columns.values()))


def test_an_older_file_is_migrated_and_a_copy_is_kept(old_file, make_row):
    before = digest(old_file)
    with RunStore(old_file) as store:
        got = store.get("r0")
        assert (got["notes"], got["time"]) == ("old", "2026-01-02T03:04:05.678+00:00")
        assert got["tags"] == [ATTACKED]
        assert got["scores"] == make_row()["scores"]
        assert list(store.attacks().rule) == ["recovery-0.10"]
        assert store.answers("r0").empty
        store.add(make_row("r1", answers={"q": "a"}))
        assert len(store.answers("r1")) == 1
    (copy,) = old_file.parent.glob("*.backup*")
    assert copy.name == "runs.sqlite.backup-v1"
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
        assert file.execute("SELECT run_id, notes FROM runs").fetchall() == [("r0", "old")]
    assert digest(old_file) != before
    with RunStore(old_file) as store:  # migrated once, not again
        assert store.count() == 2
    assert len(list(old_file.parent.glob("*.backup*"))) == 1


def test_a_migrated_file_has_the_tables_of_a_new_one(old_file, tmp_path):
    def schema(path) -> set:
        with closing(sqlite3.connect(path)) as file:
            names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {(name, column[1], column[2]) for name in names for column in
                    file.execute(f"PRAGMA table_info({name})")}  # fmt: skip

    RunStore(old_file).close()
    RunStore(tmp_path / "new.sqlite").close()
    assert schema(old_file) == schema(tmp_path / "new.sqlite")


def test_a_copy_is_never_written_over(old_file):
    (old_file.parent / "runs.sqlite.backup-v1").write_text("mine")
    RunStore(old_file).close()
    assert (old_file.parent / "runs.sqlite.backup-v1").read_text() == "mine"
    assert (old_file.parent / "runs.sqlite.backup-v1-2").stat().st_size > 1000


def test_a_migration_that_fails_leaves_the_file_as_it_was(old_file, monkeypatch):
    broken = (*MIGRATIONS[:1], (*MIGRATIONS[1], "CREATE TABLE runs (id)"))
    monkeypatch.setattr("unlearnkit.records.schema.MIGRATIONS", broken)
    with pytest.raises(StoreFault, match="already exists"):
        RunStore(old_file)
    monkeypatch.undo()
    with closing(sqlite3.connect(old_file)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
    with RunStore(old_file) as store:
        assert store.count() == 1


def test_a_newer_file_is_refused_in_words(tmp_path):
    path = tmp_path / "runs.sqlite"
    RunStore(path).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = digest(path)
    with pytest.raises(
        BadInput, match=rf"schema version {VERSION + 1}, .* up to {VERSION}; .*Update unlearnkit"
    ):
        RunStore(path)
    assert digest(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["runs.sqlite"]


def test_another_programs_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE runs (id)")
        file.commit()
    before = digest(path)
    with pytest.raises(BadInput, match="of another program"):
        RunStore(path)
    assert digest(path) == before


def test_what_is_no_store_is_refused(tmp_path):
    path = tmp_path / "x.sqlite"
    text = "This is no database, and it is long enough to be taken for one." * 20
    path.write_text(text)
    with pytest.raises(StoreFault, match="no SQLite file"):
        RunStore(path)
    assert path.read_text() == text
    for folder in (tmp_path, "."):
        with pytest.raises(BadInput, match="is a folder; name a file in it"):
            RunStore(folder)


def test_new_files_use_the_write_ahead_log(store):
    with store._database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
