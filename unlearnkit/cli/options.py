"""Values from the command line: lists, whole numbers, and which runs of which store."""

from __future__ import annotations

import argparse
from typing import Any

from unlearnkit.errors import BadInput


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list, white space and empty parts dropped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def whole_number(name: str, text: str) -> int:
    """An integer from the command line; raises BadInput for anything else."""
    try:
        return int(text)
    except ValueError as error:
        raise BadInput(f'{name} must be a whole number, not "{text}"') from error


def add_run_choice(parser: argparse.ArgumentParser) -> None:
    """Options that choose runs: --store, --tag, --task."""
    parser.add_argument("--store", metavar="FILE", help="default: ./runs.sqlite, else the records that ship")
    parser.add_argument("--tag", metavar="T", help="only runs with this tag")
    parser.add_argument("--task", metavar="TASK", help="only runs of this task: entities or topic")


def opened_store(path: str | None) -> Any:
    """The store of a file that must exist, or the default one; close it by `with`."""
    from unlearnkit.records import RunStore, default_store

    return default_store() if path is None else RunStore(path, create=False)
