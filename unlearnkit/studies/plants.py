"""Make the planted models that ship, one task and fold a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unlearnkit.attacks.plant import make_plant
from unlearnkit.attacks.shipped_plants import write_plants
from unlearnkit.randomness import one_thread
from unlearnkit.studies.cells import Problem
from unlearnkit.studies.executor import run_all

TASKS, FOLDS = ("entities", "topic"), (0, 1, 2, 3)


@dataclass(frozen=True)
class PlantCell:
    """Both fragile models of one task and fold."""

    problem: Problem
    folder: Path

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.problem.task} fold {self.problem.fold}"


def build_plants(folder: Path, *, workers: int | None = None, progress: bool = True) -> Sequence[str]:
    """Train every plant that ships and write them below a folder; about a minute a task and fold.

    Returns
    -------
    sequence of str
        The files written.
    """
    cells = [PlantCell(Problem(task, fold), folder) for task in TASKS for fold in FOLDS]
    done = run_all(work, cells, workers=workers, label=lambda cell: cell.label, progress=progress)
    return [row["file"] for row in done]


def work(cell: PlantCell) -> dict[str, Any]:
    """Train and write the plants of one cell on one thread."""
    with one_thread():
        lab = cell.problem.load()
        grid, hidden = (make_plant(lab, kind=kind) for kind in ("grid", "hidden"))
        return {"file": str(write_plants(lab, cell.folder, grid=grid, hidden=hidden))}
