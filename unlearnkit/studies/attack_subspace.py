"""The directions of relearning on the calibration fold: where a subspace certificate of other folds looks."""

from __future__ import annotations

from functools import cache
from typing import Any

from unlearnkit.attacks import relearn_curve
from unlearnkit.smoothing import Subspace, spanned_by
from unlearnkit.smoothing.certificates.subspace import displacement
from unlearnkit.studies.cells import Cell, Problem
from unlearnkit.unlearning import unlearn

FOLD = 0  # the calibration fold: no study reads it
OBJECTIVE, OPTIMIZER = "npo", "sgd"  # the cheapest run that forgets
STEPS = tuple(range(6, 97, 6))  # of relearn-100, at the attack's own learning rate
SEEDS = (0, 1)  # of the attack: two orders of the rows that it is shown


def attack_path(problem: Problem) -> list[Any]:
    """Displacements from a run to what relearning makes of it, flat: one for each budget and seed."""
    lab = problem.load()
    model = unlearn(lab, OBJECTIVE, optimizer=OPTIMIZER, seed=0, progress=False).model
    return [
        displacement(attacked, model)
        for seed in SEEDS
        for _, attacked in relearn_curve(model, lab, steps=STEPS, seed=seed)
    ]


@cache
def attack_subspace(task: str) -> Subspace:
    """What relearning spans on the calibration fold of a task: 32 directions; a process makes it once.

    It is fixed before any noise is drawn, and knows nothing of other folds' facts.
    """
    return spanned_by(attack_path(Problem(task, FOLD)))


def told(task: str) -> dict[str, Any]:
    """Where the subspace of a task is from, ready for JSON."""
    return {
        "task": task,
        "fold": FOLD,
        "objective": OBJECTIVE,
        "optimizer": OPTIMIZER,
        "steps": list(STEPS),
        "seeds": list(SEEDS),
    }


def describe(task: str) -> dict[str, Any]:
    """What decides the subspace: the run's identity, too."""
    run = Cell(Problem(task, FOLD), OBJECTIVE, OPTIMIZER, 0, ()).describe()
    return told(task) | {"run": run}
