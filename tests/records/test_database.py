"""Nothing that was committed is lost: not to another writer, not to kill -9, not to a full disk."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unlearnkit.records import RunStore, StoreFault
from unlearnkit.records.database import Database
from unlearnkit.records.entries import ATTACKED

# Opens the store itself, so that several processes also meet while it is being made.
WRITER = """
import json, sys
from unlearnkit.records import RunStore
path, name, number, row = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
with RunStore(path) as store:
    for place in range(number):
        store.add({**row, "run_id": f"{name}{place}"}, tags=[name])
        print(place, flush=True)
"""


def start(path: Path, name: str, number: int, row: dict) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(path), name, str(number), json.dumps(row)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes)


def let_go(process: subprocess.Popen) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.slow
def test_two_processes_that_write_at_once_lose_nothing(tmp_path, make_row):
    path, number = tmp_path / "runs.sqlite", 200
    writers = [start(path, name, number, make_row()) for name in "ab"]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        let_go(writer)
    for writer in writers:
        _, said = writer.communicate(timeout=300)
        assert writer.returncode == 0, said
    with RunStore(path) as store:
        assert [store.count(tag=tag) for tag in ("a", "b", ATTACKED)] == [number, number, 2 * number]
        assert len(store.attacks()) == 2 * number


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(3))
def test_kill_9_leaves_a_store_complete_to_the_last_commit(moment, tmp_path, make_row):
    path = tmp_path / "runs.sqlite"
    writer = start(path, "w", 100_000, make_row())
    let_go(writer)
    said = [writer.stdout.readline() for _ in range(random.Random(moment).randint(2, 150))]
    writer.kill()
    rest = writer.stdout.read()  # what it had still said
    writer.communicate()
    committed = "".join([*said, rest]).count("\n") - 1  # without "ready"
    with RunStore(path) as store:
        with store._database.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = store.count()
        assert committed <= there <= committed + 1  # it may have died before it said the last one
        assert list(store.to_frame().run_id) == [f"w{place}" for place in range(there)]
        assert store.count(tag=ATTACKED) == len(store.attacks()) == there  # none without its children
        store.add(make_row("after"))


def test_a_full_disk_is_said_in_words_and_harms_nothing(store, make_row):
    for place in range(20):
        store.add(make_row(f"r{place}"))
    before = list(store.rows())
    with store._database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    long = "x" * 100_000
    for change in (
        lambda: store.add(make_row("big", extra=long)),
        lambda: store.note("r3", long),
        lambda: store.add_results(
            {"schema": 1, "testbed": "t", "versions": {}, "controls": [],
             "rows": [make_row("a"), make_row("b", extra=long)]}
        ),
    ):  # fmt: skip
        with pytest.raises(StoreFault, match="the disk is full"):
            change()
        assert list(store.rows()) == before
    with store._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    store.add(make_row("big", extra=long))
    assert store.count() == 21


def test_a_store_that_may_only_be_read_can_be_read(tmp_path, make_row):
    path = tmp_path / "runs.sqlite"
    with RunStore(path) as store:
        store.add(make_row())
        with store._database.reading() as connection:
            connection.execute("PRAGMA query_only = ON")
        assert store.count() == 1
        with pytest.raises(StoreFault, match="cannot be written to"):
            store.tag("r0", "x")


def test_what_raises_in_between_is_taken_back(store, make_row):
    store.add(make_row())
    with pytest.raises(KeyboardInterrupt), store._database.writing() as connection:
        connection.execute("DELETE FROM runs")
        raise KeyboardInterrupt
    assert store.count() == 1
    store.tag("r0", "still works")


def test_a_writer_that_stays_away_is_named(tmp_path, make_row, monkeypatch):
    monkeypatch.setattr("unlearnkit.records.database.PATIENCE", 0.05)
    path = tmp_path / "runs.sqlite"
    with RunStore(path) as one, RunStore(path) as other, one._database.writing():
        assert other.count() == 0  # readers need not wait
        with pytest.raises(StoreFault, match="another program has been writing"):
            other.add(make_row())


def test_a_new_file_may_be_opened_by_several_at_once(tmp_path):
    """One of them makes the tables; none takes a file that is half-way there for another program's."""
    for n in range(20):
        start = threading.Barrier(4)

        def open_one(place=tmp_path / f"{n}.sqlite", start=start):
            start.wait()
            Database(place).close()

        with ThreadPoolExecutor(4) as pool:
            for opened in [pool.submit(open_one) for _ in range(4)]:
                opened.result()
