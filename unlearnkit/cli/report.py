"""`unlearnkit report`: the runs of a store as one HTML file that opens offline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unlearnkit.cli.options import add_run_choice, opened_store


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "report",
        help="the runs of a store as one HTML file that opens offline",
        description="Write survival by grade, recovery, frontiers, costs and every run with its provenance "
        "into one HTML file. It opens without a network, and holds its numbers as CSV.",
    )
    parser.add_argument("--out", default="report.html", metavar="FILE", help="default: report.html")
    add_run_choice(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from unlearnkit.reports import html

    with opened_store(chosen.store) as store:
        print(f"Written: {html(store, Path(chosen.out), tag=chosen.tag, task=chosen.task)}")
    return 0
