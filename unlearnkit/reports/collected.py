"""What a report speaks of: runs taken from a store, with the controls of their problems."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from unlearnkit.attacks.judging import attack_has_power
from unlearnkit.attacks.rows import family_of, label_of
from unlearnkit.reports.fields import Row, met, met_by, number, steps_of
from unlearnkit.studies.attacked import rate_text
from unlearnkit.studies.intervals import Interval, by_fold
from unlearnkit.studies.table import grade_place
from unlearnkit.unlearning.status import STATUSES

if TYPE_CHECKING:
    from unlearnkit.records import RunStore

# What tells two arms of one optimizer apart. Steps do not: runs that are stopped at one depth differ in them.
SETTINGS = ("lr", "batch_size", "optimizer_options", "objective_options", "max_grad_norm", "loss_on")


@dataclass(frozen=True, eq=False)  # an arm is itself, whatever rows it holds
class Arm:
    """Runs of one optimizer with one setting that ended with one status: what may be averaged over folds.

    `name` is the optimizer, with the settings in which its arms differ.
    """

    name: str
    optimizer: str
    grade: str
    status: str
    runs: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Name and status."""
        return f"{self.name} ({self.status})"

    def interval(self, *path: str) -> Interval:
        """A field's mean over folds; seeds of a fold count once."""
        return by_fold((run["fold"], number(run, *path)) for run in self.runs)

    def recovery(self, label: str, half: str) -> Interval:
        """What an attack brought back of the "shown" or "heldout" half, mean over folds."""
        return by_fold((run["fold"], number(met(run, label) or {}, "recovery", half)) for run in self.runs)


@dataclass(frozen=True)
class Problem:
    """All runs of one testbed, task and objective, with the controls of their folds.

    `alone`: there is no other problem beside it.
    """

    testbed: str
    task: str
    objective: str
    runs: tuple[Row, ...]
    controls: tuple[Row, ...]
    alone: bool = False

    @property
    def title(self) -> str:
        """How it is called in a heading."""
        bed = "" if self.testbed == "atlas" else f"{self.testbed}, "
        return f"{bed}{self.task} task, {self.objective}"

    @property
    def where(self) -> str:
        """What tells it from other problems, at the end of a caption; nothing where it is the only one."""
        return "" if self.alone else f" ({self.title})"

    @cached_property
    def folds(self) -> list[Any]:
        """The folds of its runs, in order."""
        return sorted({run["fold"] for run in self.runs})

    @cached_property
    def arms(self) -> list[Arm]:
        """By grade, optimizer, setting and status, in their order."""
        return _arms(self.runs)

    @cached_property
    def attacks(self) -> list[str]:
        """The labels of all attacks, budgets of one kind in order."""
        return [label for labels in self.families.values() for label in labels]

    @cached_property
    def families(self) -> dict[str, list[str]]:
        """Labels by attack, its steps aside, smallest budget first."""
        there = {label_of(attack): attack for row in (*self.runs, *self.controls) for attack in met_by(row)}
        families: dict[str, list[str]] = {}
        for label in sorted(there, key=lambda x: (there[x]["name"], steps_of(there[x]) or 0, x)):
            families.setdefault(family_of(there[label]), []).append(label)
        return families

    @property
    def hardest(self) -> list[str]:
        """Of each attack its largest budget."""
        return [labels[-1] for labels in self.families.values()]

    def called(self, arm: Arm) -> str:
        """An arm's title, with how many of the folds it has where it has not all."""
        folds = {run["fold"] for run in arm.runs}
        few = "" if len(folds) == len(self.folds) else f"; {len(folds)} of {len(self.folds)} folds"
        return f"{arm.name} ({arm.status}{few})"

    def control(self, name: str, fold: Any, *, seed: Any = None) -> Row | None:
        """One control on one fold, of that seed if there is one; None where it was not recorded."""
        found = [row for row in self.controls if (row["control"], row["fold"]) == (name, fold)]
        same_seed = [row for row in found if row.get("seed") == seed]
        return next(iter(same_seed or found), None)

    def depth(self, run: Row) -> float:
        """A run's nll_forget as a multiple of never_learned's on its fold and seed; NaN without a control.

        A run of a seed that has none is put beside its fold's first.
        """
        control = self.control("never_learned", run["fold"], seed=run.get("seed"))
        return math.nan if control is None else number(run, "scores", "nll_forget") / _level(control)

    def power(self, label: str) -> tuple[int, int]:
        """On how many folds an attack was seen to have power, and on how many it met a plant.

        A fold counts as seen only where every seed's plant shows it.
        """
        shown = [self._power(label, fold) for fold in self.folds]
        return sum(found is True for found in shown), sum(found is not None for found in shown)

    def _power(self, label: str, fold: Any) -> bool | None:
        here = [row for row in self.controls if row["fold"] == fold and row.get("scores")]
        found = {}
        for plant in here:
            attack, seed = met(plant, label), plant.get("seed")
            if seed not in found and attack is not None and str(plant["control"]).startswith("plant-"):
                same_seed = [dict(row) for row in here if row.get("seed") == seed]
                found[seed] = attack_has_power(dict(attack), same_seed)
        return all(found.values()) if found else None


def collect(store: RunStore, *, tag: str | None = None, task: str | None = None) -> list[Problem]:
    """Take the runs from a store, and the controls of their folds, which no tag leaves out."""
    frame = store.to_frame(tag=tag, task=task, controls=True)
    names = zip(frame.run_id, frame.seed, strict=True) if len(frame) else ()
    rows = [store.get(str(run_id), seed=int(seed)) for run_id, seed in names]
    runs, controls = (
        [row for row in rows if (row.get("control") is not None) == is_one] for is_one in (False, True)
    )
    return problems_of(runs, controls)


def problems_of(runs: Iterable[Row], controls: Iterable[Row]) -> list[Problem]:
    """Sort rows into problems: testbed, task and objective, in the order of their names.

    Rows of runs without an optimizer are left out.
    """
    listed = list(controls)
    sorted_out: dict[tuple[str, str, str], list[Row]] = {}
    for run in runs:
        if run.get("optimizer") is not None:
            sorted_out.setdefault((_bed(run), str(run["task"]), str(run["objective"])), []).append(run)
    alone = len(sorted_out) == 1
    return [_problem(key, sorted_out[key], listed, alone) for key in sorted(sorted_out)]


def _problem(key: tuple[str, str, str], runs: Sequence[Row], controls: Sequence[Row], alone: bool) -> Problem:
    testbed, task, objective = key
    folds = {run["fold"] for run in runs}
    mine = [row for row in controls if (_bed(row), row["task"]) == (testbed, task) and row["fold"] in folds]
    order = ("fold", "control", "seed", "run_id")
    mine.sort(key=lambda row: [str(row.get(name)) for name in order])
    in_order = sorted(runs, key=lambda run: (grade_place(run["grade"]), str(run["optimizer"]), *_place(run)))
    return Problem(testbed, task, objective, tuple(in_order), tuple(_merged(mine)), alone)


def _merged(controls: Sequence[Row]) -> Iterator[Row]:
    """One row a control, fold and seed: attacks that were made at other times stand together."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in controls:
        key = (row["control"], row["fold"], row.get("seed"))
        kept = found.setdefault(key, {**row, "attacks": []})
        there = {label_of(attack) for attack in kept["attacks"]}
        kept["attacks"] += [attack for attack in met_by(row) if label_of(attack) not in there]
    yield from found.values()


def _place(run: Row) -> tuple[float, float, float, str]:
    return number(run, "lr"), number(run, "fold"), number(run, "seed"), str(run.get("run_id"))


def _bed(row: Row) -> str:
    return str(row.get("testbed", "atlas"))


def _level(control: Row) -> float:
    return number(control, "scores", "nll_forget") or math.nan


def _arms(runs: Sequence[Row]) -> list[Arm]:
    cells: dict[tuple[str, str], list[Row]] = {}
    for run in runs:
        cells.setdefault((_setting_key(run), str(run["status"])), []).append(run)
    arms = []
    for (_, status), mine in cells.items():
        optimizer = str(mine[0]["optimizer"])
        apart = _differing([run for run in runs if run["optimizer"] == mine[0]["optimizer"]])
        told = [f"{name} {_told(name, _setting(mine[0], name))}" for name in apart]
        name = ", ".join([optimizer, *told])
        arms.append(Arm(name, optimizer, str(mine[0]["grade"]), status, tuple(mine)))
    return sorted(
        arms, key=lambda arm: (grade_place(arm.grade), arm.optimizer, _first(arm), status_place(arm))
    )


def _first(arm: Arm) -> tuple[float, str]:
    return number(arm.runs[0], "lr"), arm.name


def status_place(arm: Arm) -> int:
    """Forgotten first, over-forgotten next, what gives no verdict after them."""
    order = tuple(reversed(STATUSES))
    return order.index(arm.status) if arm.status in order else len(order)


def _setting(run: Row, name: str) -> Any:
    return run.get(name, (run.get("config") or {}).get(name))


def _setting_key(run: Row) -> str:
    return json.dumps(
        [run["optimizer"], *(_setting(run, name) for name in SETTINGS)], sort_keys=True, default=str
    )


def _differing(runs: Sequence[Row]) -> list[str]:
    return [
        name
        for name in SETTINGS
        if len({json.dumps(_setting(run, name), sort_keys=True, default=str) for run in runs}) > 1
    ]


def _told(name: str, value: Any) -> str:
    if name == "lr" and isinstance(value, int | float):
        return rate_text(value)
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict) else str(value)
