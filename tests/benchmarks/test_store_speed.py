"""The store against a bare sqlite3 insert and a filter of pandas, on the same runs: times and ratios.

python -m pytest tests/benchmarks/test_store_speed.py -s                              # 5,000 runs
UNLEARNKIT_BENCHMARK_RUNS=100000 python -m pytest tests/benchmarks/test_store_speed.py -s
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import time
from contextlib import closing

import pytest

from unlearnkit.records import RunStore
from unlearnkit.resources import data_path

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

RUNS = int(os.environ.get("UNLEARNKIT_BENCHMARK_RUNS", "5000"))
OPTIMIZERS = ("adam", "signadam", "sgd", "adazo", "hybrid")
TAG, OPTIMIZER, FIRST, TIMES, BARE = "robustness-test", "adam", 1000, 15, 2000


@pytest.fixture(scope="module")
def rows():
    """A real run with three attacks, again and again under another id, optimizer and fold."""
    text = data_path("records", "compare-quick.json").read_text(encoding="utf-8")
    row = json.loads(text)["rows"][1]
    attacks = row["attacks"]

    def made():
        for place in range(RUNS):
            yield {
                **row,
                "run_id": f"{place:016x}",
                "optimizer": OPTIMIZERS[place % len(OPTIMIZERS)],
                "fold": place % 7,
                "attacks": attacks if place % 10 else [],
            }

    return made


@pytest.fixture(scope="module")
def store(rows, tmp_path_factory):
    """A file with all of them, each added in a transaction of its own."""
    with RunStore(tmp_path_factory.mktemp("speed") / "runs.sqlite") as store:
        started, worked = time.perf_counter(), time.process_time()
        for row in rows():
            store.add(row)
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
        print(
            f"\n{RUNS:,} runs added one by one in {seconds:.1f} s: {RUNS / seconds:,.0f} a second, "
            f"{RUNS / worked:,.0f} in a second of this process's own"
        )
        yield store


def test_inserts_against_bare_sqlite3(store, rows, tmp_path):
    """The peer writes the same row as one JSON text, checks nothing and has one index."""
    some = [row for _, row in zip(range(BARE), rows(), strict=False)]
    with closing(sqlite3.connect(tmp_path / "bare.sqlite", isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("CREATE TABLE runs (run_id TEXT PRIMARY KEY, body TEXT)")
        started = time.perf_counter()
        for row in some:
            file.execute("INSERT INTO runs VALUES (?, ?)", (row["run_id"], json.dumps(row)))
        bare = time.perf_counter() - started
    with RunStore(tmp_path / "ours.sqlite") as ours:
        started = time.perf_counter()
        for row in some:
            ours.add(row)
        one_by_one = time.perf_counter() - started
        assert ours.count() == len(some)
    content = {"schema": 1, "testbed": "atlas", "versions": {}, "rows": some, "controls": []}
    with RunStore(tmp_path / "together.sqlite") as ours:
        started = time.perf_counter()
        ours.add_results(content)
        together = time.perf_counter() - started
    print(
        f"\n{len(some):,} inserts: {len(some) / one_by_one:,.0f} a second one by one, "
        f"{len(some) / together:,.0f} together; bare sqlite3 {len(some) / bare:,.0f}: "
        f"{one_by_one / bare:.1f} times its time for checks, columns, attacks, tags and indices"
    )


def test_count_and_first_rows_against_pandas(store):
    """The peer holds all in memory already, as one table with the tags in lists."""
    whole = store.to_frame()
    ours = _median(lambda: (store.count(tag=TAG, optimizer=OPTIMIZER), _first(store)))
    pandas = _median(lambda: _peer(whole))
    chosen = _peer(whole)
    assert store.count(tag=TAG, optimizer=OPTIMIZER) == len(chosen) > 0
    assert list(_first(store).run_id) == list(chosen.run_id)[:FIRST]
    attacks = _median(lambda: store.attacks(optimizer=OPTIMIZER, limit=FIRST))
    print(
        f"\n{RUNS:,} runs: count by tag and optimizer and the first {FIRST:,} rows {1e3 * ours:.0f} ms at "
        f"the median of {TIMES}; a filter of pandas with all in memory {1e3 * pandas:.0f} ms "
        f"({ours / pandas:.2f} times); {FIRST:,} attacks {1e3 * attacks:.0f} ms"
    )


def _first(store):
    return store.to_frame(tag=TAG, optimizer=OPTIMIZER, limit=FIRST)


def _peer(whole):
    return whole[(whole.optimizer == OPTIMIZER) & whole.tags.map(lambda tags: TAG in tags)]


def _median(work) -> float:
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
