"""Every run: a line in a table, and all that decided it below."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from unlearnkit.attacks.rows import label_of
from unlearnkit.reports.collected import Problem
from unlearnkit.reports.fields import Row, met, met_by, number
from unlearnkit.reports.page.tables import (
    NOTHING,
    Block,
    Column,
    Table,
    folds_text,
    learning_rate,
    outcome_chip,
    plain,
    status_chip,
)
from unlearnkit.reports.rules import rule_of

# Shown in a run's provenance, in this order, where the row has them; the configuration follows whole.
DECIDED_BY = ("run_id", "weights", "testbed", "time", "device", "notes")
COMMON = ("task", "fold", "objective", "optimizer", "grade", "lr", "batch_size", "steps", "seed")


@dataclass(frozen=True)
class Provenance:
    """All that decided one run: `anchor` is its place in the page."""

    anchor: str
    title: str
    facts: Sequence[tuple[str, Any]]


def runs_table(problem: Problem, start: int) -> Table:
    """One line a run; `start` is the number of the first one's anchor."""
    columns = [
        Column("Run", text=True), Column("Optimizer", text=True), Column("Fold"), Column("Seed"),
        Column("lr"), Column("Steps"), Column("Status", text=True), Column("Depth", "× control"),
        Column("Knows", "shown / held out"), Column("Keeps"),
        *(Column(label, "outcome", text=True) for label in problem.attacks),
        Column("Cost", "forward-equivalents"), Column("Seconds"), Column("Tags", text=True),
        Column("Notes", text=True),
    ]  # fmt: skip
    blocks: dict[str, list[list[Any]]] = {}
    for place, run in enumerate(problem.runs, start=start):
        blocks.setdefault(str(run["grade"]), []).append(_line(problem, run, anchor(place)))
    listed = [Block(grade, rows) for grade, rows in blocks.items()]
    return Table(f"Every run{problem.where}", columns, listed)


def anchor(place: int) -> str:
    """A run's place in the page."""
    return f"run-{place}"


def _line(problem: Problem, run: Row, place: str) -> list[Any]:
    knows = (plain(number(run, "scores", f"knowmem_forget_{half}")) for half in ("shown", "heldout"))
    return [
        Markup('<a href="#{}"><code>{}</code></a>').format(place, str(run.get("run_id", "?"))[:10]),
        run["optimizer"], str(run["fold"]), str(run.get("seed", "–")), learning_rate(run.get("lr", "–")),
        str(run.get("steps", "–")), status_chip(str(run["status"])), plain(problem.depth(run)),
        Markup("{} / {}").format(*knows), plain(number(run, "scores", "knowmem_retain")),
        *(outcome_chip((met(run, label) or {}).get("outcome")) for label in problem.attacks),
        plain(number(run, "cost", "forward_equivalents"), ",.0f"),
        plain(number(run, "cost", "seconds"), ",.1f"),
        _tags(run), run.get("notes") or NOTHING,
    ]  # fmt: skip


def _tags(run: Row) -> Markup:
    tags = run.get("tags") or []
    return Markup(" ").join(Markup('<span class="tag">{}</span>').format(tag) for tag in tags) or NOTHING


def provenance(problem: Problem, start: int) -> Iterator[Provenance]:
    """All that decided each run of a problem."""
    for place, run in enumerate(problem.runs, start=start):
        told = f"{run['optimizer']}, {run['task']} task, fold {run['fold']}, seed {run.get('seed', '–')}"
        yield Provenance(anchor(place), f"{run.get('run_id', '?')}: {told}", list(_facts(run)))


def control_provenance(problem: Problem) -> list[str]:
    """Which records the controls came from."""
    return [f"{_place_of(row)}: {row.get('run_id')}" for row in problem.controls]


def _place_of(control: Row) -> str:
    seed = control.get("seed", "–")
    return f"{control['control']}, {control['task']} task, fold {control['fold']}, seed {seed}"


def _facts(run: Row) -> Iterator[tuple[str, Any]]:
    for name in DECIDED_BY:
        if run.get(name) not in (None, ""):
            yield name, str(run[name])
    if run.get("tags"):
        yield "tags", ", ".join(map(str, run["tags"]))
    if run.get("versions"):
        yield "versions", versions_text(run["versions"])
    config = run.get("config") or {name: run[name] for name in COMMON if name in run}
    yield "configuration", Markup("<pre>{}</pre>").format(_json(config))
    if run.get("cost"):
        yield "cost", _json_line(run["cost"])
    if met_by(run):
        yield "attacks", "; ".join(label_of(attack) for attack in met_by(run))
    if rules := sorted({rule for attack in met_by(run) if (rule := rule_of(attack)) is not None}):
        yield "judged under", ", ".join(rules)
    for name in ("error", "failure"):
        if run.get(name):
            yield name, str(run[name])


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _json_line(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number(value, name):g}" for name in value)


def versions_text(versions: Mapping[str, Any]) -> str:
    """Versions in one line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def makers_table(problems: Sequence[Problem]) -> Table:
    """With which versions, on which device, and how many runs."""
    counts = Counter(
        (versions_text(run.get("versions") or {}) or "not recorded", str(run.get("device") or "not recorded"))
        for problem in problems
        for run in problem.runs
    )
    rows = [[versions, device, str(count)] for (versions, device), count in counts.most_common()]
    columns = [Column("Versions", text=True), Column("Device", text=True), Column("Runs")]
    return Table("What made the runs", columns, [Block("", rows)])


def scope_sentence(problems: Sequence[Problem]) -> str:
    """What the records hold, in words."""
    return "; ".join(
        f"{problem.title} ({problem.testbed}), {folds_text(problem.folds)}: "
        f"{', '.join(dict.fromkeys(str(run['optimizer']) for run in problem.runs))}"
        for problem in problems
    )
