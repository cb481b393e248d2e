"""How long the kernel needs from a moved slider to the new figure, on few records and on very many."""

from __future__ import annotations

import copy
import json
import statistics
import time

import pytest

from unlearnkit.apps import RobustnessExplorer
from unlearnkit.records import RunStore, shipped_store
from unlearnkit.resources import data_path

RUNS, FOLDS, MOVES = 10_000, 5, 9


@pytest.mark.benchmark
def test_from_slider_to_figure_on_the_shipped_records(tell):
    _report(tell, "shipped records", RobustnessExplorer(shipped_store()))


@pytest.mark.benchmark
@pytest.mark.slow
def test_from_slider_to_figure_on_ten_thousand_runs(tell):
    path = data_path("records", "compare-quick.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    rows, controls = content["rows"], content["controls"]
    content["rows"] = [
        {**rows[i % len(rows)], "run_id": f"run-{i}", "seed": i, "fold": 1 + i % FOLDS} for i in range(RUNS)
    ]
    content["controls"] = [
        {**copy.deepcopy(control), "run_id": f"{control['run_id']}-{fold}", "fold": fold}
        for control in controls
        for fold in range(1, FOLDS + 1)
    ]
    with RunStore.in_memory([content]) as store:
        explorer = RobustnessExplorer(store)
        assert len(explorer.table) == RUNS
        _report(tell, f"{RUNS:,} runs", explorer)


def _report(tell, what, explorer):
    explorer.wait()
    budget = explorer.controls.budget
    wall, processor = [], []
    for move in range(MOVES):
        started, worked = time.perf_counter(), time.process_time()
        budget.index = move % 2
        explorer.wait()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - worked)
    assert explorer.status.error is None
    tell(
        f"slider to figure, {what}: median {1000 * statistics.median(wall):.0f} ms, "
        f"{1000 * statistics.median(processor):.0f} ms of processor time"
    )
