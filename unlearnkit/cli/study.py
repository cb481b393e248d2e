"""`unlearnkit study NAME`: the studies whose records ship, done again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unlearnkit.cli.options import GOES_ON, whole_number


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "study",
        help="do one of the studies again whose records ship",
        description="Run a study and write DIR/NAME.json. What was done is kept in DIR/cells: started "
        "again, it goes on where it stopped. NAME: step-size, depth, zeroth-order, radius, power, "
        "flatness, smoothing or tofu, which needs TOFU's files: --data.",
    )
    add = parser.add_argument
    add(
        "name",
        metavar="NAME",
        help="step-size, depth, zeroth-order, radius, power, flatness, smoothing or tofu",
    )
    add("--data", metavar="DIR", help="tofu: the folder of TOFU's files, which are not part of unlearnkit")
    add("--workers", metavar="N", help="processes (default: one a core)")
    add("--out", default="studies", metavar="DIR", help="where to write (default: studies)")
    parser.set_defaults(run=run, interrupted=GOES_ON)


def run(chosen: argparse.Namespace) -> int:
    """Run the study and say where its record is."""
    from unlearnkit.studies.named import run_study

    workers = None if chosen.workers is None else whole_number("workers", chosen.workers)
    data = None if chosen.data is None else Path(chosen.data)
    print(f"Written: {run_study(chosen.name, Path(chosen.out), data=data, workers=workers)}")
    return 0
