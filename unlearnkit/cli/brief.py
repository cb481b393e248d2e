"""`unlearnkit brief`: one page for those who decide, on what robustness costs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unlearnkit.cli.options import add_run_choice, opened_store


def add_command(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "brief",
        help="one page on what robustness costs, for those who decide",
        description="What each grade of optimizer cost, against what survived, as Markdown. It says so where "
        "the records are too few to decide, and ranks nobody across runs of different depth.",
    )
    parser.add_argument("--out", metavar="FILE", help="write it there (default: print it)")
    add_run_choice(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Print the brief, or write it and say where it is."""
    from unlearnkit.reports import brief
    from unlearnkit.reports.writing import writable, write_report

    out = None if chosen.out is None else writable("out", Path(chosen.out))
    with opened_store(chosen.store) as store:
        page = brief(store, tag=chosen.tag, task=chosen.task).markdown
    if out is None:
        print(page, end="")
    else:
        write_report("out", out, page)
        print(f"Written: {out}")
    return 0
