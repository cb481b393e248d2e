"""`unlearnkit compare`: whose unlearning survives?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from unlearnkit.cli.options import GOES_ON, listed, whole_number
from unlearnkit.errors import UnlearnkitError

CELLS = "cells"
QUICK = {"folds": (1,), "optimizers": ("sgd", "adam", "signadam")}


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "compare",
        help="unlearn with several optimizers, attack each, and print what came back",
        description="Unlearn the same facts with several optimizers, attack each result, and print what "
        "came back beside a model that never learned them. Writes DIR/results.json and comparison.txt, and "
        "adds the runs, tagged robustness-test, to the store that `unlearnkit records` and `report` read. "
        "Finished cells are kept in DIR/cells: stopped in the middle, the same command goes on from there.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fold 1, first-order optimizers (a minute or two on two cores)")
    add("--task", metavar="TASK", help="topic (default) or entities")
    add("--objective", default="npo", metavar="NAME", help="default: npo; any of uk.objectives.catalogue()")
    add("--optimizers", metavar="A,B", help="default: sgd,adam,signadam,adazo,hybrid")
    add("--folds", metavar="1,2", help="default: 1,2 (fold 0 is for calibration)")
    add("--attacks", metavar="A,B", help="default: quantize-4,relearn-25,relearn-100")
    add("--seed", default="0", metavar="N", help="decides the order of rows (default 0)")
    add("--workers", metavar="N", help="processes (default: one a core)")
    add("--out", metavar="DIR", help="where to write (default: comparison, or comparison-2, …)")
    add("--store", default="runs.sqlite", metavar="FILE", help="where to add the runs (default: runs.sqlite)")
    add("--overwrite", action="store_true", help="replace DIR/results.json; cells kept there are used")
    add("--json", action="store_true", help="print results.json instead of the table")
    parser.set_defaults(run=run, interrupted=GOES_ON)


def run(chosen: argparse.Namespace) -> int:
    """Check everything, then compare, print and write; 1 where a cell failed."""
    from unlearnkit.records.database import require_usable
    from unlearnkit.studies import compare
    from unlearnkit.studies.compare import plan_comparison, prepare_folder, save_comparison
    from unlearnkit.studies.executor import worker_count
    from unlearnkit.studies.table import comparison_table

    plan = plan_comparison(**_plan_options(chosen))
    workers = None if chosen.workers is None else whole_number("workers", chosen.workers)
    worker_count(workers, len(plan.items))
    folder = free_folder() if chosen.out is None else Path(chosen.out)
    prepare_folder(folder, overwrite=chosen.overwrite)
    require_usable(Path(chosen.store))
    comparison = compare(plan, keep_in=folder / CELLS, workers=workers)
    table = comparison_table(comparison)
    written = save_comparison(comparison, folder, table=table)  # first: a closed pipe must not lose it
    try:
        _add_to_store(Path(chosen.store), written[0])
    finally:  # a store that fails must not hide the table, nor a closed pipe keep the runs from the store
        if chosen.json:
            print(json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False))
        else:
            print(f"{table}\n\nWritten: {', '.join(map(str, written))}")
    return _failures(comparison.failures, folder)


def _add_to_store(place: Path, results: Path) -> None:
    """Add what was written. A store is made only now: an empty one would hide the records that ship."""
    from unlearnkit.records import RunStore

    try:
        with RunStore(place) as store:
            added = store.import_(results)
    except UnlearnkitError as error:
        later = f"unlearnkit records import {results}"
        raise type(error)(f"{error}. The results are in {results}; add them later: {later}") from error
    print(f"{place}: {added.added} rows added, {added.merged} there already", file=sys.stderr)
    for _, why in added.rejected:
        print(f"{place}: left out: {why}", file=sys.stderr)


def _failures(failures: Sequence[dict[str, str]], folder: Path) -> int:
    """Say what failed, and how to try it again."""
    if not failures:
        return 0
    named = "; ".join(f"{failure['label']}: {failure['error']}" for failure in failures)
    print(
        f"unlearnkit compare: {len(failures)} cells failed, the rest is in {folder}: {named}. The same "
        f"command with --out {folder} --overwrite does only these again",
        file=sys.stderr,
    )
    return 1


def free_folder() -> Path:
    """The first of comparison, comparison-2, … that holds no results yet."""
    names = ("comparison" if n == 1 else f"comparison-{n}" for n in count(1))
    return next(folder for folder in map(Path, names) if not (folder / "results.json").exists())


def _plan_options(chosen: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {
        "objective": chosen.objective,
        "seed": whole_number("seed", chosen.seed),
    }
    if chosen.quick:
        options |= QUICK
    if chosen.folds is not None:
        options["folds"] = [whole_number("folds", part) for part in listed(chosen.folds)]
    if chosen.task is not None:
        options["task"] = chosen.task
    for name in ("optimizers", "attacks"):
        if getattr(chosen, name) is not None:
            options[name] = listed(getattr(chosen, name))
    return options
