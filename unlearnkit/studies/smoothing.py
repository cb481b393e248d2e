"""Does what an optimizer reached stay forgotten under noise in the weights, and how far is that certified?

Put down before anything was measured:

1. "Does zeroth order certify further than Adam, at equal status, on the same fold?" The first measure is the
   certified radius under noise on all weights at the larger sigma, in the median over facts: at the smaller
   one the target keeps everything, so that noise hardly asks. That and noise within the subspace stand beside
   it, and so do the share of facts certified beyond the target's, and the split's radius. Differences are
   paired by fold. A run whose smoothed self does not keep what it must certifies nothing: its radius is 0.
2. "How far is a certificate from what attacks do?" The longest radius of a fact beside the displacements of
   4-bit rounding and of relearning, of that very model.

Noise, its size and the subspace are fixed by the calibration fold, before any model of another fold is seen:
sigma is the largest at which the target still keeps 0.8 of what it knows, and the subspace is spanned by
relearning there. Beside the runs stand the target, which has forgotten nothing, and never_learned.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unlearnkit.attacks import displacement_of, parse_attack, run_attacks
from unlearnkit.metrics import evaluate, references
from unlearnkit.metrics.scores import Scores
from unlearnkit.randomness import one_thread
from unlearnkit.smoothing.certificates.subspace import displacement
from unlearnkit.studies import attack_subspace
from unlearnkit.studies.cells import CONTROLS, Cell, Problem, control_row, run_row
from unlearnkit.studies.smoothing_measures import SETTINGS, Settings, measure
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning import displacement as moved_by
from unlearnkit.unlearning import judge, presets, unlearn

QUESTION = "Does coarse optimizers' forgetting hold further under noise in the weights, and is it certified?"
QUESTIONS = (
    "Does zeroth order certify further than Adam, at equal status, on the same fold?",
    "How far is a certificate from what attacks do?",
)
OBJECTIVE = "npo"
ADAM = "adam"  # what all others are held against
ROUNDING, RELEARNING = "quantize-4", "relearn-100"
TASKS = ("topic",)
FOLDS = (1, 2, 3)
SLOW_FIRST = ("adazo", "hybrid", "adam", "signsgd", *CONTROLS, "signadam")  # no long cell begins last


@dataclass(frozen=True)
class SmoothCell:
    """One model of one task and fold, attacked, smoothed and certified: an optimizer's, or a control.

    `name` is an optimizer's, at its preset, or "target" or "never_learned".
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
        return self.name in CONTROLS

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON: its run among it, and where the subspace is from."""
        found: dict[str, Any] = {"problem": asdict(self.problem) | self.problem.fingerprint()}
        if not self.is_control:
            attacks = (parse_attack(ROUNDING), parse_attack(RELEARNING))
            found = Cell(self.problem, OBJECTIVE, self.name, self.seed, attacks).describe()
        return found | {
            "name": self.name,
            "seed": self.seed,
            "settings": asdict(self.settings),
            "subspace": attack_subspace.describe(self.problem.task),
        }


def smoothing_cells() -> list[SmoothCell]:
    """Every optimizer that has a preset, and the controls, on folds 1 to 3."""
    return [
        SmoothCell(Problem(task, fold), name) for task in TASKS for name in _names(task) for fold in FOLDS
    ]


def _names(task: str) -> list[str]:
    found = [p.optimizer for p in presets() if (p.task, p.objective) == (task, OBJECTIVE)]
    rest = [name for name in found if name not in SLOW_FIRST]
    return [name for name in SLOW_FIRST if name in (*found, *CONTROLS)] + sorted(rest)


def work(cell: SmoothCell) -> dict[str, Any]:
    """Do a cell on one thread: {"rows": [row]} of a run, or {"control": row}."""
    with one_thread():
        return {"control": _control(cell)} if cell.is_control else {"rows": [_run(cell)]}


def _run(cell: SmoothCell) -> dict[str, Any]:
    lab = cell.problem.load()
    run = unlearn(lab, OBJECTIVE, optimizer=cell.name, seed=cell.seed, progress=False)
    row = run_row(run, lab, (), cell.seed)
    return row | _measured(run.model, lab, cell, run.status)


def _control(cell: SmoothCell) -> dict[str, Any]:
    lab = cell.problem.load()
    model = lab.model if cell.name == "target" else lab.never_learned
    row = control_row(cell.name, model, lab, (), cell.seed)
    status = judge(Scores(**row["scores"]), references(lab))
    told = row | {"status": status, "cost": moved_by(model, lab.model)}
    return told | _measured(model, lab, cell, status)


def _measured(model: Any, lab: Testbed, cell: SmoothCell, status: str) -> dict[str, Any]:
    """The attacks, and what noise says; nothing of a run that diverged."""
    if status == "diverged":
        return {"attacks": [], "measures": None}
    attacks = [parse_attack(ROUNDING), parse_attack(RELEARNING)]
    attacked = dict(run_attacks(model, lab, attacks, seed=cell.seed))
    subspace = attack_subspace.attack_subspace(cell.problem.task)
    rows = [
        attack.to_dict()
        | {
            "scores": evaluate(attacked[attack], lab).to_dict(),
            "displacement": displacement_of(attacked[attack], model, attack=attack, lab=lab),
            "inside": float(subspace.coordinates(displacement(attacked[attack], model)).norm()),
        }
        for attack in attacks
    ]
    measures = measure(
        model, cell.problem, relearned=attacked[attacks[1]], settings=cell.settings, seed=cell.seed
    )
    return {"attacks": rows, "measures": measures}


def decided() -> dict[str, Any]:
    """What stands in the record beside its rows: the questions, the settings and the subspace."""
    return {
        "questions": list(QUESTIONS),
        "settings": asdict(SETTINGS),
        "subspaces": {task: attack_subspace.told(task) for task in TASKS},
    }
