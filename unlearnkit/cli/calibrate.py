"""`unlearnkit calibrate`: learning rates and lengths by a written rule, on fold 0 only."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from unlearnkit.cli.options import GOES_ON, listed, whole_number
from unlearnkit.errors import BadInput


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "calibrate",
        help="find learning rates and lengths by a written rule, on fold 0 only",
        description="Follow forgetting against retention over learning rates on fold 0, and choose a preset "
        "for each objective and optimizer by the rule of unlearnkit.unlearning.calibration. Writes "
        "DIR/frontiers.json and DIR/presets.json. Finished lines are kept: started again, it goes on where "
        "it stopped. Presets in ./calibration go before those that ship.",
    )
    add = parser.add_argument
    add(
        "--optimizer",
        "--optimizers",
        metavar="A,B",
        help="default: all that are not aliases, and controls; all: the whole catalogue",
    )
    add(
        "--objective",
        "--objectives",
        default="npo",
        metavar="A,B",
        help="default: npo; all: the whole catalogue",
    )
    add("--task", default="entities,topic", metavar="A,B", help="default: entities,topic")
    add("--seed", default="0", metavar="N,M", help="default: 0; with several, presets are the first one's")
    add("--budget", metavar="N", help="forward-equivalents a learning rate (default 1200; zeroth order 3000)")
    add(
        "--quick",
        action="store_true",
        help="every optimizer by default, three learning rates each, one budget (600)",
    )
    add("--workers", metavar="N", help="processes (default: one a core)")
    add("--out", default="calibration", metavar="DIR", help="where to write (default: calibration)")
    add("--json", action="store_true", help="print the presets as JSON instead of a table")
    parser.set_defaults(run=run, interrupted=GOES_ON)


def run(chosen: argparse.Namespace) -> int:
    """Check everything, then calibrate, write and print."""
    from unlearnkit.studies.calibrate import calibrate, plan_calibration, presets_of, write_calibration
    from unlearnkit.studies.calibration_table import calibration_table
    from unlearnkit.studies.compare import prepare_folder
    from unlearnkit.studies.executor import worker_count

    folder = Path(chosen.out)
    pairs = plan_calibration(folder, **_plan_options(chosen))
    workers = None if chosen.workers is None else whole_number("workers", chosen.workers)
    worker_count(workers, len(pairs))
    prepare_folder(folder, overwrite=True)
    frontiers = calibrate(pairs, workers=workers)
    written = write_calibration(frontiers, folder)
    if chosen.json:
        print(json.dumps(presets_of(frontiers)["presets"], indent=1))
    else:
        print(f"{calibration_table(frontiers)}\n\nWritten: {', '.join(map(str, written))}")
    return 0


def _plan_options(chosen: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {
        "tasks": listed(chosen.task),
        "objective": listed(chosen.objective),
        "seeds": [whole_number("seed", part) for part in listed(chosen.seed)],
    }
    if chosen.optimizer is not None:
        options["optimizers"] = listed(chosen.optimizer)
    options["quick"] = chosen.quick
    if chosen.budget is not None:
        options["budget"] = _positive_number(chosen.budget)
    return options


def _positive_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise BadInput(f'budget must be a number above 0, in forward-equivalents, not "{text}"')
    return value
