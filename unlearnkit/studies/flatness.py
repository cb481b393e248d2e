"""Is what coarse optimizers reach flatter, and does flatness go along with survival?

Put down before anything was measured:

1. "Is the coarser optimizer's solution flatter, at equal status, against Adam's on the same fold?" The first
   measure is the trace of the Hessian, since a small trace is what two-point zeroth order is shown to favour
   (2506.05454); the others stand beside it. Flatter is a smaller modulus: where a loss was driven up, its
   trace may be negative, and flat is what noise neither raises nor lowers. Differences are paired by fold.
2. "Does flatness go along with survival?" Rank correlations within folds, over runs that forgot, of each
   measure with what relearning brings back of facts that it never showed. Beside each stand the same of
   the distance from the target and of depth: a run that went further may be hard to undo for that alone.

Beside the runs stand the target, never_learned and the target displaced at random as far as Adam's solution
lies from it, tensor by tensor. None of them was unlearned by an optimizer; whatever they show is no grade's.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch

from unlearnkit.attacks import parse_attack, plant_for
from unlearnkit.flatness.directions import as_long
from unlearnkit.metrics import references
from unlearnkit.metrics.scores import Scores
from unlearnkit.randomness import generator, one_thread
from unlearnkit.studies.cells import CONTROLS, Cell, ControlCell, Problem, control_row, run_control, run_row
from unlearnkit.studies.flatness_measures import SETTINGS, Settings, measure
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning import displacement, judge, presets, unlearn

QUESTION = "Is what coarse optimizers reach flatter, and does flatness go along with survival?"
QUESTIONS = (
    "Is the coarser optimizer's solution flatter, at equal status, against Adam's on the same fold?",
    "Does flatness go along with survival?",
)
OBJECTIVE = "npo"
ADAM = "adam"  # what all others are held against
ATTACK = "relearn-100"
TASKS = ("topic", "entities")
FOLDS = (1, 2, 3)
RANDOM = "random"
SLOW_FIRST = ("adazo", "hybrid", "noise_matched")  # so that no process begins a long cell last


@dataclass(frozen=True)
class FlatCell:
    """One model of one task and fold, attacked and measured: an optimizer's at its preset, or a control.

    `name` is an optimizer's, or "target", "never_learned" or "random".
    """

    problem: Problem
    name: str
    seed: int = 0
    settings: Settings = SETTINGS

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.name}, {self.problem.task} fold {self.problem.fold}"

    @property
    def is_control(self) -> bool:
        """Whether nobody unlearned it."""
        return self.name in (*CONTROLS, RANDOM)

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON: its run and Adam's among it."""
        names = {"adam": ADAM} if self.is_control else {"adam": ADAM, "run": self.name}
        attacks = (parse_attack(ATTACK),)
        runs = {
            key: Cell(self.problem, OBJECTIVE, name, self.seed, attacks).describe()
            for key, name in names.items()
        }
        return runs | {"name": self.name, "settings": asdict(self.settings)}


def flatness_cells() -> list[FlatCell | ControlCell]:
    """Every optimizer that has a preset, and the controls, on folds 1 to 3 of both tasks."""
    problems = [Problem(task, fold) for task in TASKS for fold in FOLDS]
    cells: list[FlatCell | ControlCell] = []
    for task in TASKS:
        mine = [problem for problem in problems if problem.task == task]
        names = (*_optimizers(task), *CONTROLS, RANDOM)
        cells += [FlatCell(problem, name) for name in names for problem in mine]
    return cells + [_plant(problem) for problem in problems]


def _optimizers(task: str) -> list[str]:
    found = [p.optimizer for p in presets() if (p.task, p.objective) == (task, OBJECTIVE)]
    return sorted(found, key=lambda name: (name not in SLOW_FIRST, name))


def _plant(problem: Problem) -> ControlCell:
    """The fragile model that shows whether the attack has power."""
    attack = parse_attack(ATTACK)
    wanted = tuple(plant_for(attack).items())
    name = "-".join(["plant", *(str(value) for _, value in wanted)])
    return ControlCell(problem, name, 0, (attack,), wanted)


def work(cell: FlatCell | ControlCell) -> dict[str, Any]:
    """Do a cell on one thread: {"rows": [row]} of a run, or {"control": row}."""
    with one_thread():
        if isinstance(cell, ControlCell):
            return {"control": run_control(cell)}
        return {"control": _control(cell)} if cell.is_control else {"rows": [_run(cell)]}


def _run(cell: FlatCell) -> dict[str, Any]:
    lab = cell.problem.load()
    run = unlearn(lab, OBJECTIVE, optimizer=cell.name, seed=cell.seed, progress=False)
    row = run_row(run, lab, (parse_attack(ATTACK),), cell.seed)
    reference = run.model if cell.name == ADAM else adam_model(cell.problem, cell.seed)
    measures = None if run.status == "diverged" else _measures(run.model, lab, reference, cell)
    return row | {"measures": measures}


def _control(cell: FlatCell) -> dict[str, Any]:
    lab, reference = cell.problem.load(), adam_model(cell.problem, cell.seed)
    model = control_model(cell, lab, reference)
    row = control_row(cell.name, model, lab, (parse_attack(ATTACK),), cell.seed)
    return row | {
        "status": judge(Scores(**row["scores"]), references(lab)),
        "cost": displacement(model, lab.model),
        "measures": _measures(model, lab, reference, cell),
    }


def _measures(model: Any, lab: Testbed, reference: Any, cell: FlatCell) -> dict[str, Any]:
    ways = {"target": lab.model, ADAM: reference}
    return measure(model, lab, ways=ways, settings=cell.settings, seed=cell.seed)


@cache
def adam_model(problem: Problem, seed: int) -> Any:
    """Adam's solution on a task and fold; a process makes each once."""
    return unlearn(problem.load(), OBJECTIVE, optimizer=ADAM, seed=seed, progress=False).model


def control_model(cell: FlatCell, lab: Testbed, reference: Any) -> Any:
    """The target, never_learned, or the target displaced at random as far as the reference lies from it."""
    if cell.name == RANDOM:
        return displaced_as_far(lab.model, reference, seed=cell.seed)
    return lab.model if cell.name == "target" else lab.never_learned


@torch.no_grad()
def displaced_as_far(model: Any, other: Any, *, seed: int = 0) -> Any:
    """A copy of a model with every tensor moved in a random direction, as far as the other model's lies.

    Parameters
    ----------
    model, other : causal language models of one architecture
    seed : int

    Examples
    --------
    >>> first, second = (torch.nn.Linear(3, 2) for _ in range(2))
    >>> moved = displaced_as_far(first, second)
    >>> torch.allclose((moved.weight - first.weight).norm(), (second.weight - first.weight).norm())
    True
    """
    moved = copy.deepcopy(model).eval()
    weights = list(moved.parameters())
    way = [theirs.to(weight) - weight for weight, theirs in zip(weights, other.parameters(), strict=True)]
    for weight, step in zip(weights, as_long(way, generator(seed, "as far as another")), strict=True):
        weight.add_(step)
    return moved


def decided() -> dict[str, Any]:
    """What stands in the record beside its rows: the questions, the attack and the settings."""
    return {"questions": list(QUESTIONS), "attack": ATTACK, "settings": asdict(SETTINGS)}
