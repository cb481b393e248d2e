"""Runs stopped by how far they forgot, not by how many steps they took.

A run that went further is harder to undo, whatever its optimizer. So runs are stopped at the first look
at which nll_forget reaches a given multiple of never_learned's, and only runs of one depth are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from unlearnkit.attacks import Attack, parse_attack
from unlearnkit.metrics import references
from unlearnkit.randomness import one_thread
from unlearnkit.studies.calibrate import BATCH_SIZE, OBJECTIVE_OPTIONS, budget_of, optimizer_options
from unlearnkit.studies.cells import ControlCell, Problem, run_control, run_row
from unlearnkit.unlearning import checkpoints
from unlearnkit.unlearning.frontier import looks

ATTACKS = ("quantize-4", "relearn-100", "relearn-100@3e-4")
STEP_SIZE_RATES = {"adam": (1e-4, 1.8e-4, 3.2e-4, 1e-3), "signadam": (3.2e-5, 5.6e-5, 1e-4, 3.2e-4)}
STEP_SIZE_FOLDS = {"entities": (1, 2, 3), "topic": (1, 2, 3)}
DEPTHS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
DEPTH_RATE = 3.2e-4
DEEPEST_BUDGET = 1800.0  # forward-equivalents: three times the control's depth takes longer than once


@dataclass(frozen=True)
class DepthCell:
    """One run, to be seen and attacked at each of `depths`, in multiples of never_learned's nll_forget."""

    problem: Problem
    optimizer: str
    lr: float
    depths: tuple[float, ...]
    attacks: tuple[Attack, ...]
    budget: float
    seed: int = 0
    objective: str = "npo"

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.optimizer} {self.lr:g}, {self.problem.task} fold {self.problem.fold}"

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON."""
        return asdict(replace(self, attacks=())) | {"attacks": [attack.label for attack in self.attacks]}


def step_size_cells(rates: dict[str, Sequence[float]] | None = None) -> list[DepthCell]:
    """Several learning rates of Adam and signAdam, each stopped at never_learned's depth."""
    return [
        DepthCell(Problem(task, fold), optimizer, lr, (1.0,), _attacks(), budget_of(optimizer))
        for task, folds in STEP_SIZE_FOLDS.items()
        for fold in folds
        for optimizer, listed in (rates or STEP_SIZE_RATES).items()
        for lr in listed
    ]


def depth_cells() -> list[DepthCell]:
    """Adam at one learning rate, seen at six depths."""
    return [
        DepthCell(Problem(task, fold), "adam", DEPTH_RATE, DEPTHS, _attacks(), DEEPEST_BUDGET)
        for task, folds in STEP_SIZE_FOLDS.items()
        for fold in folds
    ]


def control_cells(cells: Sequence[DepthCell]) -> list[ControlCell]:
    """Target, never_learned and planted models of every task and fold, under the same attacks."""
    from unlearnkit.studies.compare import controls_of

    problems = dict.fromkeys(cell.problem for cell in cells)
    return [control for problem in problems for control in controls_of(problem, 0, _attacks())]


def _attacks() -> tuple[Attack, ...]:
    return tuple(parse_attack(text) for text in ATTACKS)


def work(cell: DepthCell | ControlCell) -> dict[str, Any]:
    """Do a cell on one thread: {"rows": …} of a run, or {"control": …}."""
    with one_thread():
        if isinstance(cell, ControlCell):
            return {"control": run_control(cell)}
        return {"rows": list(_rows(cell))}


def _rows(cell: DepthCell) -> Any:
    """One row for each depth that the run reaches within its budget."""
    lab = cell.problem.load()
    aims = [depth * references(lab).control.nll_forget for depth in cell.depths]
    options = optimizer_options(cell.optimizer)
    seen = checkpoints(
        lab, cell.objective, optimizer=cell.optimizer, lr=cell.lr, batch_size=BATCH_SIZE, seed=cell.seed,
        objective_options=OBJECTIVE_OPTIONS[cell.objective], optimizer_options=options,
        at=looks(cell.optimizer, budget=cell.budget, options=options),
    )  # fmt: skip
    reached = 0
    for checkpoint in seen:
        if checkpoint.diverged:
            return
        depth = checkpoint.nll_forget()
        while reached < len(aims) and depth >= aims[reached]:
            passed = reached
            reached += 1
            if reached == len(aims) or depth < aims[reached]:  # one look past two aims counts for the deeper
                row = run_row(checkpoint.to_run(), lab, cell.attacks, cell.seed)
                yield {**row, "depth": cell.depths[passed]}
        if reached == len(aims):
            return
