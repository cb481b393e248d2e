"""Can zeroth order forget here? Its frontier over queries, radius, batch, subspace and warm start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unlearnkit.metrics import references
from unlearnkit.randomness import one_thread
from unlearnkit.studies.calibrate import FOLD, OBJECTIVE_OPTIONS
from unlearnkit.studies.cells import Problem
from unlearnkit.unlearning.frontier import follow

BUDGET = 2000.0  # forward-equivalents a setting; Adam forgets within a quarter of it


@dataclass(frozen=True)
class ZerothOrderCell:
    """One setting on one task: what is changed from AdaZO at q = 8, radius 1e-3, batch 16."""

    task: str
    change: str
    lr: float
    optimizer: str = "adazo"
    batch_size: int = 16
    options: tuple[tuple[str, Any], ...] = (("queries", 8),)
    retain_weight: float = OBJECTIVE_OPTIONS["npo"]["retain_weight"]

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.change}, lr {self.lr:g}, {self.task}"

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON."""
        return asdict(self) | {"options": dict(self.options), "fold": FOLD, "budget": BUDGET}


def zeroth_order_cells() -> list[ZerothOrderCell]:
    """The settings tried, on both tasks. The learning rate alone is calibration's own sweep."""
    return [
        ZerothOrderCell(task, change, lr, **more)
        for task in ("topic", "entities")
        for change, lr, more in _settings()
    ]


def _settings() -> list[tuple[str, float, dict[str, Any]]]:
    return [
        ("2 queries", 3.2e-4, {"options": (("queries", 2),)}),
        ("32 queries", 1e-3, {"options": (("queries", 32),)}),
        ("radius 1e-2", 5.6e-4, {"options": (("queries", 8), ("radius", 1e-2))}),
        ("batch 32", 5.6e-4, {"batch_size": 32}),
        ("row space of rank 2", 1e-3, {"options": (("queries", 8), ("rank", 2))}),
        ("2 % of the weights", 3.2e-3, {"options": (("queries", 8), ("density", 0.02))}),
        ("retain weight 1", 5.6e-4, {"retain_weight": 1.0}),
        ("warm start: 50 Adam steps", 3.2e-4, {
            "optimizer": "hybrid",
            "options": (("queries", 8), ("block", 50), ("second_block", 150), ("zo_lr", 3.2e-4)),
        }),
    ]  # fmt: skip


def work(cell: ZerothOrderCell) -> dict[str, Any]:
    """Follow a setting on one thread."""
    with one_thread():
        lab = Problem(cell.task, FOLD).load()
        line = follow(
            lab, "npo", cell.optimizer, lr=cell.lr, budget=BUDGET, batch_size=cell.batch_size, seed=0,
            objective_options={"retain_weight": cell.retain_weight}, optimizer_options=dict(cell.options),
        )  # fmt: skip
        control = references(lab).control
    return {**cell.describe(), "never_learned": {"nll_forget": control.nll_forget}, **line.to_dict()}
