"""Calibrate optimizers on fold 0: every pair of a task and an optimizer is one cell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unlearnkit import objectives, optim
from unlearnkit.errors import BadInput, require_integer, unknown_name
from unlearnkit.files import write_whole
from unlearnkit.fingerprints import weights_hash
from unlearnkit.journal import Journal
from unlearnkit.metrics import references
from unlearnkit.randomness import one_thread
from unlearnkit.studies.cells import Problem
from unlearnkit.studies.executor import run_all
from unlearnkit.studies.repeats import repeats_of
from unlearnkit.testbeds.atlas.tasks import check_task
from unlearnkit.unlearning.calibration import choose, search
from unlearnkit.unlearning.frontier import CAREFUL, QUICK, Line, Pace, follow
from unlearnkit.unlearning.identity import rows_hash, run_id

FOLD = 0  # calibration's own; nothing is compared on it
BATCH_SIZE = 16
# The weight of the retain term: at 1, Adam loses most of what must be kept on the way; at 5 it keeps 90 %.
# What keeps nothing by itself, and RMU, whose retain term is a distance, are taken as they stand.
OBJECTIVE_OPTIONS: dict[str, dict[str, Any]] = {
    name: {"retain_weight": 5.0} for name in ("npo", "graddiff", "simnpo", "undial", "wga", "satimp", "ceu")
}
# At 0.1 a row weighs nothing once its refusal wins, and that is while the answer is nearly as likely as ever.
OBJECTIVE_OPTIONS["idk_dpo"] = {"retain_weight": 5.0, "beta": 0.02}
# At the powers of the published code (5, 1) what is half forgotten weighs nothing beside what is kept.
OBJECTIVE_OPTIONS["satimp"] = {"retain_weight": 5.0, "beta1": 1.0, "beta2": 0.1}
# What is known by heart already has little to learn: a short way there, and further back.
OBJECTIVE_OPTIONS["task_vector"] = {"scale": 4.0}
# Times an optimizer's start.
FACTORS = {"idk_dpo": 3.2, "rmu": 10.0}  # RMU moves two matrices only
STARTS = {
    "sgd": 1e-1, "sgd_direction_8bit": 1e-1, "zo_sgd": 1e-4, "adahessian": 3.2e-1,
    "signum": 1e-4, "signadam": 1e-4, "zo_signsgd": 1e-4,
    "sophia": 1e-4, "sophia_g": 1e-4, "soul_sophia": 1e-4,
}  # fmt: skip
START = 3.2e-4  # of every other optimizer: they step by about `lr` a weight, as Adam does
QUICK_BUDGET, QUICK_LINES = 600.0, 3  # the same cost for every grade, zeroth order too
HYBRID = {"block": 10, "queries": 4, "zo_lr": 1e-4}
OPTIMIZER_OPTIONS: dict[str, dict[str, Any]] = {
    name: {"queries": 8} for name in ("adazo", "zo_sgd", "zo_signsgd", "zo_adamm")
}
BUDGET, ZEROTH_ORDER_BUDGET = 1200.0, 3000.0  # forward-equivalents a line
DEFAULT_OPTIMIZERS = (
    "sgd", "adam", "signsgd", "signadam", "adazo", "hybrid", "noise_matched", "hybrid_noise", "hybrid_random",
    "hybrid_rest", "hybrid_first",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """One optimizer with one objective on one task, and everything that its frontier depends on."""

    task: str
    objective: str
    optimizer: str
    seed: int
    budget: float
    start: float
    folder: Path = field(compare=False)
    batch_size: int = BATCH_SIZE
    quick: bool = False

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.optimizer} + {self.objective}, {self.task}"

    @property
    def settings(self) -> dict[str, Any]:
        """What `checkpoints` is given beside the learning rate."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "objective_options": OBJECTIVE_OPTIONS.get(self.objective, {}),
            "optimizer_options": optimizer_options(self.optimizer),
        }

    @property
    def journal(self) -> Path:
        """Where its finished lines are kept."""
        return self.folder / "lines" / f"{self.task}-{self.objective}-{self.optimizer}-{self.seed}.jsonl"

    @property
    def search(self) -> dict[str, Any]:
        """How `search` goes about it."""
        return {"most_coarse": QUICK_LINES, "fine": False} if self.quick else {}

    @property
    def pace(self) -> Pace:
        """How often a line is looked at."""
        return QUICK if self.quick else CAREFUL

    def describe(self) -> dict[str, Any]:
        """Everything but the folder, ready for JSON."""
        described = {name: value for name, value in asdict(self).items() if name != "folder"}
        return described | {"fold": FOLD, **self.settings}


def optimizer_options(optimizer: str) -> dict[str, Any]:
    """The options that an optimizer is calibrated, and later run, with."""
    return dict(HYBRID) if optimizer.startswith("hybrid") else dict(OPTIMIZER_OPTIONS.get(optimizer, {}))


def plan_calibration(
    folder: Path,
    *,
    tasks: Sequence[str] = ("entities", "topic"),
    objective: str | Sequence[str] = "npo",
    optimizers: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    budget: float | None = None,
    quick: bool = False,
) -> list[Pair]:
    """Check everything and lay out the pairs, the costly ones first.

    `quick` follows three learning rates, coarsely, at one budget for all, and by itself takes the
    whole catalogue of optimizers: enough to see what one does here, and a place to begin. "all" objectives
    or optimizers are the whole catalogue.

    Raises
    ------
    UnknownName, BadInput
        Before any work.
    """
    wanted = _named(
        "objective", [objective] if isinstance(objective, str) else objective, objectives.catalogue().name
    )
    everyone = list(optim.catalogue().name)
    if optimizers is None:
        optimizers = everyone if quick else DEFAULT_OPTIMIZERS
    optimizers = _named("optimizer", optimizers, everyone)
    for name in wanted:
        objectives.create(name, **OBJECTIVE_OPTIONS.get(name, {}))
    for task in tasks:
        check_task(task, FOLD)
    for seed in seeds:
        require_integer("seed", seed)
    if not tasks or not optimizers or not seeds or not wanted:
        raise BadInput("calibrate: at least one task, one objective, one optimizer and one seed are needed")
    pairs = [
        Pair(task, aim, name, seed, budget or (QUICK_BUDGET if quick else budget_of(name)),
             start_of(aim, name), folder, quick=quick)
        for seed in seeds
        for aim in wanted
        for name in optimizers
        for task in tasks
    ]  # fmt: skip
    return sorted(pairs, key=lambda pair: -pair.budget)


def _named(what: str, names: Sequence[str], everyone: Iterable[str]) -> list[str]:
    """The names, each once; "all" stands for everyone's."""
    known = list(everyone)
    for name in names:
        if name not in (*known, "all"):
            raise unknown_name(what, name, known)
    return list(dict.fromkeys(known if "all" in names else names))


def start_of(objective: str, optimizer: str) -> float:
    """The first learning rate to follow, to two significant digits."""
    return float(f"{STARTS.get(optimizer, START) * FACTORS.get(objective, 1.0):.1e}")


def budget_of(optimizer: str) -> float:
    """The stated budget of one line, in forward-equivalents."""
    return ZEROTH_ORDER_BUDGET if optim.find(optimizer).grade == "zeroth order" else BUDGET


def calibrate(pairs: Sequence[Pair], *, workers: int | None = None, progress: bool = True) -> dict[str, Any]:
    """Follow every pair's frontier and choose its preset; what the journals hold is not done again.

    Returns
    -------
    dict
        The content of frontiers.json.
    """
    done = run_all(work, pairs, workers=workers, label=lambda pair: pair.label, progress=progress)
    order = sorted(done, key=lambda row: (row["task"], row["objective"], row["optimizer"], row["seed"]))
    return {"schema": 1, "pairs": order}


def work(pair: Pair) -> dict[str, Any]:
    """Calibrate one pair on one thread."""
    with one_thread():
        lab = Problem(pair.task, FOLD).load()
        control = references(lab).control
        journal = Journal(pair.journal)
        rows = rows_hash([*lab.encode(lab.forget), *lab.encode(lab.forget_heldout), *lab.encode(lab.retain)])
        weights = weights_hash(lab.model) + weights_hash(lab.never_learned)

        def line_at(lr: float) -> Line:
            """The line of a learning rate: from the journal, or followed now."""
            key = run_id({**pair.describe(), "lr": lr}, weights=weights, data=rows)
            known = journal.get(key)
            if known is None:
                known = follow(
                    lab,
                    pair.objective,
                    pair.optimizer,
                    lr=lr,
                    budget=pair.budget,
                    pace=pair.pace,
                    **pair.settings,
                ).to_dict()
                journal.add(key, known)
            return Line.from_dict(known)

        lines = search(line_at, start=pair.start, control_nll=control.nll_forget, **pair.search)
    choice = choose(lines, control_nll=control.nll_forget)
    levels = {name: getattr(control, name) for name in ("nll_forget", "knowmem_retain")}
    return {
        **pair.describe(),
        "never_learned": levels,
        "choice": choice.to_dict(),
        "lines": [line.to_dict() for line in lines],
    }


def presets_of(frontiers: dict[str, Any]) -> dict[str, Any]:
    """The content of presets.json: each pair's choice, of the first seed."""
    firsts: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in frontiers["pairs"]:
        firsts.setdefault((row["task"], row["objective"], row["optimizer"]), row)
    return {"schema": 1, "presets": [_preset(row) for row in firsts.values()]}


def _preset(row: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = row["choice"]
    named = ("task", "objective", "optimizer", "batch_size", "objective_options", "optimizer_options")
    return {
        **{name: row[name] for name in named},
        "lr": choice["lr"],
        "steps": choice["steps"],
        "outcome": choice["outcome"],
        **({"quick": True} if row.get("quick") else {}),
    }


def write_calibration(frontiers: dict[str, Any], folder: Path) -> list[Path]:
    """Write frontiers.json and presets.json, and of several seeds repeats.json, each whole or not at all."""
    written = []
    contents = {"frontiers.json": frontiers, "presets.json": presets_of(frontiers)}
    if len({pair["seed"] for pair in frontiers["pairs"]}) > 1:
        contents["repeats.json"] = repeats_of(frontiers)
    for name, content in contents.items():
        write_whole(folder / name, json.dumps(content, indent=1) + "\n")
        written.append(folder / name)
    return written
