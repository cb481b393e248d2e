"""Whose unlearning survives? Optimizers × folds × attacks, beside the controls."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from unlearnkit import __version__, objectives, optim
from unlearnkit.attacks import Attack, parse_attack, plant_for
from unlearnkit.attacks.judging import judge_attacks
from unlearnkit.errors import BadInput, require_integer
from unlearnkit.files import CannotWrite, make_folder, write_whole
from unlearnkit.studies.cells import CONTROLS, Cell, ControlCell, Problem, work
from unlearnkit.studies.executor import Failed, run_all
from unlearnkit.studies.kept import Kept
from unlearnkit.testbeds.atlas.checkpoints import control_folder
from unlearnkit.unlearning import find_preset

SCHEMA = 1
# Five optimizers of four grades. The topic task, since its presets reach the depth of never_learned; two
# folds, since zeroth order alone takes as long as all the others.
DEFAULT_TASK = "topic"
DEFAULT_OPTIMIZERS = ("sgd", "adam", "signadam", "adazo", "hybrid")
DEFAULT_FOLDS = (1, 2)
DEFAULT_ATTACKS = ("quantize-4", "relearn-25", "relearn-100")
VERSIONED = ("torch", "transformers", "tokenizers", "numpy")
CALIBRATION_FOLD = 0


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    `rows`: one a run, in the order of folds and optimizers. `controls`: the target and never_learned of each
    fold under the same attacks, and planted models under those that they are planted for. `questions`: what
    was asked about what must be forgotten, with the true answers; what was answered stands in the rows.
    `failures`: cells that ended in an error, with its words. All as in results.json.
    """

    task: str
    rows: tuple[dict[str, Any], ...]
    controls: tuple[dict[str, Any], ...]
    questions: tuple[dict[str, Any], ...] = ()
    failures: tuple[dict[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The content of results.json."""
        versions = {name: metadata.version(name) for name in VERSIONED}
        return {
            "schema": SCHEMA,
            "testbed": "atlas",
            "device": f"cpu, {platform.machine()}",
            "versions": {"unlearnkit": __version__, "python": platform.python_version(), **versions},
            "rows": list(self.rows),
            "controls": list(self.controls),
            "questions": list(self.questions),
            "failures": list(self.failures),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Comparison:
        """Read the content of a results.json again."""
        parts = [tuple(content.get(name, ())) for name in ("rows", "controls", "questions", "failures")]
        task = next((row["task"] for row in (*parts[0], *parts[1])), "")
        return cls(task, *parts)

    def control(self, name: str, fold: int) -> dict[str, Any]:
        """The row of one control on one fold."""
        return next(c for c in self.controls if (c["control"], c["fold"]) == (name, fold))


@dataclass(frozen=True)
class Plan:
    """The cells of a comparison; every name and number in it has been checked."""

    task: str
    cells: tuple[Cell, ...]
    controls: tuple[ControlCell, ...]

    @property
    def items(self) -> list[Cell | ControlCell]:
        """All cells, controls last: each takes part of a fold's time only, so the end is even."""
        return [*self.cells, *self.controls]


def plan_comparison(
    *,
    task: str = DEFAULT_TASK,
    objective: str = "npo",
    optimizers: Sequence[str] = DEFAULT_OPTIMIZERS,
    folds: Sequence[int] = DEFAULT_FOLDS,
    attacks: Sequence[str] = DEFAULT_ATTACKS,
    seed: int = 0,
) -> Plan:
    """Check everything and lay out the cells.

    Raises
    ------
    UnknownName, BadInput, NotCalibrated
        Before any work, for the first thing that is wrong.
    """
    objectives.create(objective)
    require_integer("seed", seed)
    for name, values in (("optimizers", optimizers), ("folds", folds), ("attacks", attacks)):
        _require_distinct(name, values)
    for fold in folds:
        control_folder(task, fold)
    if CALIBRATION_FOLD in folds:
        raise BadInput("folds: fold 0 is for calibration only; results there flatter; use 1, 2 or 3")
    for optimizer in optimizers:
        optim.find(optimizer)
        find_preset(task, objective, optimizer)
    parsed = tuple(parse_attack(text) for text in attacks)
    _require_distinct("attacks", [attack.label for attack in parsed])
    problems = [Problem(task, fold) for fold in folds]
    return Plan(
        task,
        tuple(_cells(problems, objective, optimizers, seed, parsed)),
        tuple(control for problem in problems for control in controls_of(problem, seed, parsed)),
    )


def controls_of(problem: Problem, seed: int, attacks: tuple[Attack, ...]) -> Iterable[ControlCell]:
    """Target and never_learned under every attack, and a planted model for each kind of attack."""
    for name in CONTROLS:
        yield ControlCell(problem, name, seed, attacks)
    planted: dict[tuple[tuple[str, Any], ...], list[Attack]] = {}
    for attack in attacks:
        planted.setdefault(tuple(plant_for(attack).items()), []).append(attack)
    for wanted, meant in planted.items():
        name = "-".join(["plant", *(str(value) for _, value in wanted)])
        yield ControlCell(problem, name, seed, tuple(meant), wanted)


def _cells(
    problems: Sequence[Problem],
    objective: str,
    optimizers: Sequence[str],
    seed: int,
    attacks: tuple[Attack, ...],
) -> Iterable[Cell]:
    for problem in problems:
        for optimizer in optimizers:
            yield Cell(problem, objective, optimizer, seed, attacks)


def _require_distinct(name: str, values: Sequence[Any]) -> None:
    if not values:
        raise BadInput(f"{name}: none given; name at least one, or leave the option out")
    twice = [str(value) for value in dict.fromkeys(values) if list(values).count(value) > 1]
    if twice:
        raise BadInput(f"{name}: {', '.join(twice)} given more than once; name each once")


def compare(
    plan: Plan, *, keep_in: Path | None = None, workers: int | None = None, progress: bool = True
) -> Comparison:
    """Do a plan's cells in parallel processes and judge the attacks.

    Rows depend on the plan alone, `cost["seconds"]` aside, whatever the number of workers and however
    often it was stopped. A cell that fails is put down in `failures`, and the rest goes on.

    Parameters
    ----------
    plan : Plan
    keep_in : Path, optional
        Where to keep each cell's row as soon as it is there. Cells whose rows lie there are not done
        again.
    workers : int, optional
        Processes; default: one a core.
    progress : bool

    Raises
    ------
    CannotWrite
        When a row cannot be kept; those that were, are.
    """
    done = run_all(
        work if keep_in is None else Kept(work, keep_in), plan.items, workers=workers,
        label=lambda item: item.label, progress=progress, keep_failures=True,
    )  # fmt: skip
    rows, controls = (
        tuple(row for row in part if not isinstance(row, Failed))
        for part in (done[: len(plan.cells)], done[len(plan.cells) :])
    )
    problems = {item.problem.fold: item.problem for item in plan.items}
    for row in (*rows, *controls):
        row["hashes"] = problems[row["fold"]].fingerprint()
    for row in rows:
        judge_attacks(row, [control for control in controls if control["fold"] == row["fold"]])
    questions = tuple(question for problem in problems.values() for question in problem.questions())
    failures = tuple(asdict(failed) for failed in done if isinstance(failed, Failed))
    return Comparison(plan.task, rows, controls, questions, failures)


def prepare_folder(folder: Path, *, overwrite: bool = False) -> None:
    """Make the folder of the results and see that it can be written to, before any work.

    Raises
    ------
    BadInput
        When it cannot, or holds results already and `overwrite` is off.
    """
    results = folder / "results.json"
    if results.exists() and not overwrite:
        raise BadInput(f"out: {results} exists; name another folder, or add --overwrite to replace it")
    probe = folder / ".writable"
    try:
        make_folder(folder)
        write_whole(probe, "")
        probe.unlink()
    except CannotWrite as error:
        raise BadInput(f"out: {folder} cannot be written to ({error.reason}); name another folder") from error


def save_comparison(comparison: Comparison, folder: Path, *, table: str) -> list[Path]:
    """Write results.json and the table as text; returns their paths."""
    results, words = folder / "results.json", folder / "comparison.txt"
    write_whole(results, json.dumps(comparison.to_dict(), indent=1, ensure_ascii=False) + "\n")
    write_whole(words, table + "\n")
    return [results, words]
