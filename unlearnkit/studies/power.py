"""Which attacks have power here: every attack on planted models whose truth is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unlearnkit.attacks import parse_attack, powers
from unlearnkit.randomness import one_thread
from unlearnkit.studies.cells import Problem

ATTACKS = (
    "quantize-8", "quantize-4", "quantize-3",
    "relearn-25@3e-5", "relearn-100@3e-5", "relearn-25", "relearn-100", "relearn-25@3e-4", "relearn-100@3e-4",
    "relearn-25@1e-3", "relearn-100@1e-3",
    "relearn-100:retain", "relearn-100:unrelated",
    "noise-0.003", "noise-0.01", "noise-0.03", "prune-0.1", "prune-0.3",
    "interpolate-0.25", "interpolate-0.5", "paraphrase", "hint",
)  # fmt: skip
OTHER_SCHEMES = (
    "quantize-4:rtn-row-asymmetric", "quantize-4:rtn-tensor", "quantize-4:rtn-tensor-asymmetric",
    "quantize-4:rtn-group", "quantize-4:rtn-group-asymmetric", "quantize-4:nf4", "quantize-4:fp4",
)  # fmt: skip
FOLDS = (0, 1, 2, 3)
SCHEMES_FOLD = 1  # each scheme needs a plant of its own, half a minute to train


@dataclass(frozen=True)
class PowerCell:
    """Several attacks on the plants of one task and fold."""

    problem: Problem
    attacks: tuple[str, ...]

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{len(self.attacks)} attacks, {self.problem.task} fold {self.problem.fold}"

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON."""
        return asdict(self)


def power_cells() -> list[PowerCell]:
    """All attacks on folds 0 to 3 of both tasks; the further schemes of rounding on fold 1."""
    problems = [Problem(task, fold) for task in ("entities", "topic") for fold in FOLDS]
    cells = [PowerCell(problem, ATTACKS) for problem in problems]
    return cells + [PowerCell(p, OTHER_SCHEMES) for p in problems if p.fold == SCHEMES_FOLD]


def work(cell: PowerCell) -> dict[str, Any]:
    """Attack the plants on one thread."""
    with one_thread():
        found = powers([parse_attack(text) for text in cell.attacks], cell.problem.load())
    return {"task": cell.problem.task, "fold": cell.problem.fold, "attacks": [p.to_dict() for p in found]}
