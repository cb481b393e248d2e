"""Who survived what, by grade: runs at the control's depth, those that went deeper, and the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from unlearnkit.reports.collected import Arm, Problem
from unlearnkit.reports.fields import Row, met, number
from unlearnkit.reports.page.tables import (
    Block,
    Column,
    Table,
    counted_chips,
    plain,
    runs_text,
    spread,
    status_chip,
    steps_text,
)
from unlearnkit.reports.rules import margin_text, rules_of_runs, several_rules
from unlearnkit.studies.intervals import by_fold
from unlearnkit.unlearning.status import DEPTH_BAND, STATUSES

FORGOT, DEEPER = "forgotten", "over-forgotten"


def survival_tables(problem: Problem) -> list[Table]:
    """Three tables: at the control's depth, deeper, and runs that give no verdict. Empty ones are left in."""
    band = f"{DEPTH_BAND:.0%}"
    return [
        _outcomes(
            problem,
            FORGOT,
            f"Runs that forgot, within {band} of the control’s depth{problem.where}",
        ),
        _outcomes(
            problem,
            DEEPER,
            f"Apart: over-forgotten runs, more than {band} deeper than the control{problem.where}",
            note="Whoever forgets more deeply looks more robust, with nothing else changed. "
            "Do not compare these with the runs above.",
        ),
        _rest(problem),
    ]


def survival_sentences(problem: Problem) -> list[str]:
    """What the tables say, in words: one sentence an attack, after a warning where rules are mixed."""
    told = [warning] if (warning := several_rules(rules_of_runs(problem.runs))) else []
    for label in problem.attacks:
        parts = [_counted(problem, label, status) for status in (FORGOT, DEEPER)]
        told.append(f"{label}: {'; '.join(parts)}. {_power(problem, label)}")
    return told


def _counted(problem: Problem, label: str, status: str) -> str:
    outcomes = Counter(
        attack["outcome"]
        for run in problem.runs
        if run["status"] == status and (attack := met(run, label)) is not None and attack.get("outcome")
    )
    total = sum(outcomes.values())
    if not total:
        return f"no {status} run met it"
    said = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
    return f"of {total} {status} run{'s' * (total != 1)}, {said}"


def _power(problem: Problem, label: str) -> str:
    shown, asked = problem.power(label)
    if not asked:
        return "No planted model met it, so nothing shows its power."
    return f"It was seen to have power on {shown} of {asked} fold{'s' * (asked != 1)}."


def _outcomes(problem: Problem, status: str, caption: str, *, note: str = "") -> Table:
    columns = [
        Column("Optimizer", text=True),
        Column("Runs", "on folds"),
        Column("Steps"),
        Column("Depth", "× control"),
        Column("Keeps", "of retained facts"),
        *(Column(label, "outcomes", text=True) for label in problem.attacks),
    ]
    blocks: dict[str, list[list[Any]]] = {}
    for arm in problem.arms:
        if arm.status == status:
            blocks.setdefault(arm.grade, []).append([*_head(problem, arm), *_met(arm, problem.attacks)])
    return Table(caption, columns, [Block(grade, rows) for grade, rows in blocks.items()], note)


def _head(problem: Problem, arm: Arm) -> Iterator[Any]:
    folds = sorted({run["fold"] for run in arm.runs})
    yield arm.name
    yield f"{len(arm.runs)} ({', '.join(map(str, folds))})"
    yield steps_text(arm.runs)
    yield spread(by_fold((run["fold"], problem.depth(run)) for run in arm.runs))
    yield spread(arm.interval("scores", "knowmem_retain"))


def _met(arm: Arm, labels: Sequence[str]) -> Iterator[Markup]:
    for label in labels:
        yield counted_chips((met(run, label) or {}).get("outcome") for run in arm.runs)


def _rest(problem: Problem) -> Table:
    """By optimizer, how many runs ended in a way that leaves nothing to survive."""
    there = {arm.status for arm in problem.arms} - {FORGOT, DEEPER}
    others = [status for status in STATUSES if status in there] + sorted(there - set(STATUSES))
    columns = [Column("Optimizer", text=True), Column("Runs"), *(Column(status) for status in others)]
    blocks: dict[str, list[list[Any]]] = {}
    counts: dict[tuple[str, str], Counter[str]] = {}
    for arm in problem.arms:
        counts.setdefault((arm.grade, arm.name), Counter())[arm.status] += len(arm.runs)
    for (grade, name), found in counts.items():
        if any(found[status] for status in others):
            cells = [_status_cell(status, found[status]) for status in others]
            blocks.setdefault(grade, []).append([name, str(sum(found.values())), *cells])
    listed = [Block(grade, rows) for grade, rows in blocks.items()]
    caption = f"Apart: runs that give no verdict on survival{problem.where}"
    return Table(caption, columns, listed)


def _status_cell(status: str, count: int) -> Any:
    return status_chip(status, count=count) if count else "0"


def controls_table(problem: Problem) -> Table:
    """What the target, never_learned and the planted models know, before and after each attack."""
    columns = [
        Column("Control", text=True),
        Column("Folds"),
        Column("Depth", "nats a token"),
        Column("Keeps"),
        Column("Knows before", "shown / held out"),
        *(Column(label, "shown / held out") for label in problem.attacks),
    ]
    names = list(dict.fromkeys(str(row["control"]) for row in problem.controls))
    names.sort(key=lambda name: (_control_place(name), name))
    rows = [_control_row(name, problem) for name in names]
    return Table(
        f"Controls under the same attacks, means over folds{problem.where}",
        columns,
        [Block("", rows)],
        "An attack counts where it brings back what a planted model hides and teaches never_learned nothing "
        "about held-out facts. Recovery is what a run knows beyond never_learned; above "
        f"{margin_text(rules_of_runs(problem.runs))} a run has recovered. Planted models meet "
        "only the attacks made for them.",
    )


def _control_place(name: str) -> int:
    order = ("target", "never_learned")
    return order.index(name) if name in order else len(order)


def _control_row(name: str, problem: Problem) -> list[Any]:
    rows = [row for row in problem.controls if row["control"] == name]
    before = [(row["fold"], row) for row in rows]
    return [
        name,
        _folds_and_seeds(rows),
        plain(_mean(before, "nll_forget")),
        plain(_mean(before, "knowmem_retain")),
        _knows(before),
        *(_knows([(row["fold"], a) for row in rows if (a := met(row, label))]) for label in problem.attacks),
    ]


def _folds_and_seeds(rows: Sequence[Row]) -> str:
    """How many folds, and how many seeds where there are more than one."""
    seeds = len({row.get("seed") for row in rows})
    return f"{len({row['fold'] for row in rows})}{f' ({seeds} seeds)' if seeds > 1 else ''}"


def _knows(rows: Sequence[tuple[Any, Row]]) -> Markup:
    if not rows:
        return Markup('<span class="nothing">not met</span>')
    return Markup("{} / {}").format(
        *(plain(_mean(rows, f"knowmem_forget_{half}")) for half in ("shown", "heldout"))
    )


def _mean(rows: Sequence[tuple[Any, Row]], score: str) -> float:
    """Over folds, of (fold, row); seeds of a fold count once."""
    return by_fold((fold, number(row, "scores", score)) for fold, row in rows).mean


def status_sentence(problem: Problem) -> str:
    """How the runs ended, in words."""
    counts = Counter(str(run["status"]) for run in problem.runs)
    said = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    return f"{runs_text(len(problem.runs))}: {said}."
