"""One cell of a study: a run under its attacks, or a control under the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from unlearnkit.attacks import Attack, displacement_of, plant, run_attacks
from unlearnkit.fingerprints import weights_hash
from unlearnkit.metrics import evaluate_with_answers
from unlearnkit.randomness import one_thread
from unlearnkit.testbeds import Testbed, load_testbed
from unlearnkit.testbeds.rows import Question
from unlearnkit.unlearning import Run, unlearn
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.identity import control_id, rows_hash
from unlearnkit.unlearning.problem import prepare

CONTROLS = ("target", "never_learned")


@dataclass(frozen=True)
class Problem:
    """Where a cell takes place: the arguments of `load_testbed`."""

    task: str
    fold: int
    testbed: str = "atlas"

    def load(self) -> Testbed:
        """The testbed; a process loads each once."""
        return _load(self)

    def fingerprint(self) -> dict[str, str]:
        """Hashes of the target, of never_learned and of all rows that scores are taken on."""
        return _fingerprint(self)

    def questions(self) -> list[dict[str, Any]]:
        """The questions about what must be forgotten, with their true answers, ready for JSON."""
        lab = self.load()
        halves = {"shown": lab.forget_shown, "heldout": lab.forget_heldout}
        return [
            _question(question) | {"split": name, "task": self.task, "fold": self.fold}
            for name, half in halves.items()
            for question in half.questions
        ]


@cache
def _load(problem: Problem) -> Testbed:
    return load_testbed(problem.testbed, fold=problem.fold, task=problem.task, device="cpu")


@cache
def _fingerprint(problem: Problem) -> dict[str, str]:
    lab = problem.load()
    rows = [row for split in (lab.forget_shown, lab.forget_heldout, lab.retain) for row in lab.encode(split)]
    control = weights_hash(lab.never_learned) if lab.has_control else "none"
    return {"target": weights_hash(lab.model), "never_learned": control, "rows": rows_hash(rows)}


def _question(question: Question) -> dict[str, Any]:
    return {
        "id": question.key,
        "prompt": question.question,
        "answer": question.answer,
        "subject": question.subject,
        "relation": question.relation,
        "open_class": question.open_class,
    }


@dataclass(frozen=True)
class Cell:
    """A run to make: everything else comes from the presets."""

    problem: Problem
    objective: str
    optimizer: str
    seed: int
    attacks: tuple[Attack, ...]

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.optimizer}, {self.problem.task} fold {self.problem.fold}"

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON: the run's id among it, and what it is held against."""
        lab = self.problem.load()
        config = configure(lab, self.objective, self.optimizer, seed=self.seed)
        return {
            "run_id": prepare(lab, config).identity(config),
            "problem": asdict(self.problem) | self.problem.fingerprint(),
            "attacks": [attack.label for attack in self.attacks],
        }


@dataclass(frozen=True)
class ControlCell:
    """The target, never_learned or a planted model, under the attacks that the runs meet.

    `planted` holds the arguments of `plant` for a fragile model; such a one meets only the attacks that it
    was planted for.
    """

    problem: Problem
    control: str
    seed: int
    attacks: tuple[Attack, ...]
    planted: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.control}, {self.problem.task} fold {self.problem.fold}"

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON."""
        return asdict(replace(self, attacks=())) | {
            "problem": asdict(self.problem) | self.problem.fingerprint(),
            "attacks": [attack.label for attack in self.attacks],
        }


def work(cell: Cell | ControlCell) -> dict[str, Any]:
    """Do a cell on one thread and return its row; every process gives the same row."""
    with one_thread():
        return run_cell(cell) if isinstance(cell, Cell) else run_control(cell)


def run_cell(cell: Cell) -> dict[str, Any]:
    """Unlearn, attack, score: one row of `rows` in results.json, without outcomes."""
    lab = cell.problem.load()
    run = unlearn(lab, cell.objective, optimizer=cell.optimizer, seed=cell.seed, progress=False)
    return run_row(run, lab, cell.attacks, cell.seed)


def run_row(run: Run, lab: Testbed, attacks: Sequence[Attack], seed: int) -> dict[str, Any]:
    """Attack a run and score it: its row, without outcomes."""
    chosen = run.config
    return {
        "run_id": run.id,
        "task": chosen.task,
        "objective": chosen.objective,
        "optimizer": chosen.optimizer,
        "grade": chosen.grade,
        "lr": chosen.lr,
        "steps": chosen.steps,
        "batch_size": chosen.batch_size,
        "seed": chosen.seed,
        "fold": chosen.fold,
        "status": run.status,
        "scores": run.scores.to_dict(),
        "cost": run.cost.to_dict(),
        "config": chosen.to_dict(),
        "weights": weights_hash(run.model),
        "answers": run.answers,
        "attacks": _attack_rows(run.model, lab, attacks, seed),
    }


def run_control(cell: ControlCell) -> dict[str, Any]:
    """Attack and score a model that nobody unlearned: one row of `controls`."""
    lab = cell.problem.load()
    return control_row(cell.control, _control_model(cell, lab), lab, cell.attacks, cell.seed)


def control_row(
    control: str, model: Any, lab: Testbed, attacks: Sequence[Attack], seed: int
) -> dict[str, Any]:
    """Attack and score any model under the name of a control: its row."""
    scores, answers = evaluate_with_answers(model, lab)
    return {
        "run_id": control_id(lab, control, model),
        "control": control,
        "task": lab.task,
        "fold": lab.fold,
        "seed": seed,
        "scores": scores.to_dict(),
        "answers": answers,
        "attacks": _attack_rows(model, lab, attacks, seed),
    }


def _control_model(cell: ControlCell, lab: Testbed) -> Any:
    if cell.planted:
        return plant(lab, **dict(cell.planted))
    return lab.model if cell.control == "target" else lab.never_learned


def _attack_rows(model: Any, lab: Testbed, attacks: Sequence[Attack], seed: int) -> list[dict[str, Any]]:
    done = {}
    for attack, attacked in run_attacks(model, lab, attacks, seed=seed):
        scores, answers = evaluate_with_answers(attacked, attack.testbed(lab))
        moved = displacement_of(attacked, model, attack=attack, lab=lab)
        done[attack] = attack.to_dict() | {
            "scores": scores.to_dict(),
            "displacement": moved,
            "answers": answers,
        }
    return [done[attack] for attack in attacks]
