"""The page's numbers as CSV, inside the page: a data: address that any browser saves without a request."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.attacks.rows import label_of
from unlearnkit.metrics.scores import HEADLINE
from unlearnkit.reports.collected import Problem
from unlearnkit.reports.fields import Row, met_by, steps_of
from unlearnkit.reports.rules import rule_of
from unlearnkit.unlearning.cost import COSTS

OF_A_RUN = (
    "run_id", "control", "testbed", "task", "fold", "objective", "optimizer", "grade", "lr", "batch_size",
    "steps", "seed", "status",
)  # fmt: skip
ABOUT_A_RUN = ("device", "time", "tags", "notes")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclass(frozen=True)
class Download:
    """A file that the page carries: its name, what it holds, and the address that holds it."""

    name: str
    holds: str
    address: str


def downloads(problems: Sequence[Problem]) -> list[Download]:
    """runs.csv and attacks.csv, controls included."""
    rows = [row for problem in problems for row in (*problem.runs, *problem.controls)]
    rows = list({(row.get("run_id", place), row.get("seed")): row for place, row in enumerate(rows)}.values())
    return [
        Download("runs.csv", "one row a run or control, before any attack", _address(runs_csv(rows))),
        Download("attacks.csv", "one row an attack, with what came back", _address(attacks_csv(rows))),
    ]


def runs_csv(rows: Iterable[Row]) -> str:
    """Rows as CSV: what they are, their scores, what they cost.

    A text that begins as a formula does ("=", "+", "-", "@") gets an apostrophe before it, so that no
    spreadsheet runs it.
    """
    head = [*OF_A_RUN, *ABOUT_A_RUN, *HEADLINE, *(f"cost_{name}" for name in COSTS)]
    lines = (
        [
            *_of(row, (*OF_A_RUN, *ABOUT_A_RUN)),
            *_of(row.get("scores"), HEADLINE),
            *_of(row.get("cost"), COSTS),
        ]
        for row in rows
    )
    return _csv(head, lines)


def attacks_csv(rows: Iterable[Row]) -> str:
    """Attacks as CSV: the run, the attack, scores after it, recovery and outcome. As safe as `runs_csv`."""
    head = [
        *OF_A_RUN,
        "attack",
        "attack_steps",
        *HEADLINE,
        "recovery_shown",
        "recovery_heldout",
        "outcome",
        "rule",
    ]
    return _csv(head, (line for row in rows for line in _attack_lines(row)))


def _attack_lines(row: Row) -> Iterator[list[Any]]:
    for attack in met_by(row):
        yield [
            *_of(row, OF_A_RUN),
            label_of(attack),
            steps_of(attack),
            *_of(attack.get("scores"), HEADLINE),
            *_of(attack.get("recovery"), ("shown", "heldout")),
            attack.get("outcome"),
            rule_of(attack),
        ]


def _of(row: Row | None, names: Sequence[str]) -> list[Any]:
    return [(row or {}).get(name) for name in names]


def _csv(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([spreadsheet_safe(value) for value in line] for line in lines)
    return text.getvalue()


def spreadsheet_safe(value: Any) -> Any:
    """A cell of a CSV file: several values as one text, and text that would run as a formula made plain."""
    if isinstance(value, list | tuple):
        value = ";".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _address(text: str) -> str:
    # With a byte order mark, without which Excel takes UTF-8 for something else.
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode("utf-8-sig")).decode("ascii")
