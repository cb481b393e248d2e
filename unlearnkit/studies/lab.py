"""Make the lab's checkpoints again, and see whether they are what they should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unlearnkit.fingerprints import weights_hash
from unlearnkit.metrics import Scores, evaluate
from unlearnkit.randomness import one_thread
from unlearnkit.studies.executor import run_all
from unlearnkit.testbeds import load_testbed
from unlearnkit.testbeds.atlas.checkpoints import TARGET, Checkpoint, make_checkpoint

EXPECTED_FILE = "expected.json"
# The bounds that the lab must keep: lower ones for what is known, an upper one for what is not.
TARGET_KNOWS = 0.95
TARGET_RECITES = 0.90
CONTROL_KEEPS = 0.95
CONTROL_KNOWS = 0.15  # open-class questions on what it never learned
# How far a lab built on another machine may lie from what ships.
TARGET_TOLERANCE, CONTROL_TOLERANCE, NLL_TOLERANCE = 0.03, 0.10, 0.10


@dataclass(frozen=True)
class Bound:
    """One number and the bound that it keeps or misses."""

    checkpoint: str
    task: str
    fold: int
    score: str
    value: float
    rule: str
    kept: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dict(vars(self))


def at_least(name: str, value: float, limit: float) -> tuple[str, float, str, bool]:
    """A lower bound on a score; NaN misses it."""
    return name, value, f"≥ {limit:.2f}", value >= limit


def at_most(name: str, value: float, limit: float) -> tuple[str, float, str, bool]:
    """An upper bound on a score; NaN misses it."""
    return name, value, f"≤ {limit:.2f}", value <= limit


def target_bounds(scores: Scores) -> list[tuple[str, float, str, bool]]:
    """What the target must know."""
    known = min(scores.knowmem_forget_shown, scores.knowmem_forget_heldout)
    return [
        at_least("knowmem_forget", known, TARGET_KNOWS),
        at_least("knowmem_retain", scores.knowmem_retain, TARGET_KNOWS),
        at_least("verbmem_forget", scores.verbmem_forget, TARGET_RECITES),
        at_least("verbmem_retain", scores.verbmem_retain, TARGET_RECITES),
    ]


def control_bounds(scores: Scores) -> list[tuple[str, float, str, bool]]:
    """What a control must know and must not."""
    return [
        at_least("knowmem_retain", scores.knowmem_retain, CONTROL_KEEPS),
        at_most("knowmem_forget", scores.knowmem_forget, CONTROL_KNOWS),
    ]


@dataclass(frozen=True)
class _Place:
    """A task and fold of a lab folder: the unit that is scored in one process."""

    folder: Path
    task: str
    fold: int


def _score(place: _Place) -> dict[str, Any]:
    control = place.folder / Checkpoint(place.task, place.fold).name
    with one_thread():
        lab = load_testbed(
            "atlas", task=place.task, fold=place.fold, model=place.folder / TARGET,
            never_learned=control, device="cpu",
        )  # fmt: skip
        models = {TARGET: lab.model, control.name: lab.never_learned}
        return {
            name: {"weights": weights_hash(model), "scores": evaluate(model, lab).to_dict()}
            for name, model in models.items()
        }


def score_lab(
    folder: Path, checkpoints: Sequence[Checkpoint], *, workers: int | None = None, progress: bool = True
) -> dict[str, Any]:
    """Score target and control on every task and fold: {"entities-1": {"target": …, …}, …}."""
    places = [_Place(folder, c.task, c.fold) for c in checkpoints if c.task and c.fold is not None]
    scored = run_all(
        _score, places, workers=workers, label=lambda p: f"{p.task} fold {p.fold}", progress=progress
    )
    return {f"{p.task}-{p.fold}": found for p, found in zip(places, scored, strict=True)}


def check_bounds(scored: dict[str, Any]) -> list[Bound]:
    """Every bound of a scored lab, kept or missed."""
    bounds = []
    for place, models in scored.items():
        task, fold = place.rsplit("-", 1)
        for name, found in models.items():
            scores = Scores(**found["scores"])
            rules = target_bounds(scores) if name == TARGET else control_bounds(scores)
            bounds += [Bound(name, task, int(fold), *rule) for rule in rules]
    return bounds


def check_against(scored: dict[str, Any], expected: dict[str, Any]) -> list[Bound]:
    """How far a scored lab lies from what was scored when it was built; equal weights need no look."""
    bounds = []
    for place, models in scored.items():
        task, fold = place.rsplit("-", 1)
        for name, found in models.items():
            then = expected[place][name]
            if found["weights"] == then["weights"]:
                bounds.append(Bound(name, task, int(fold), "weights", 0.0, "identical to the bit", True))
                continue
            rows = _drift(name, Scores(**found["scores"]), Scores(**then["scores"]))
            bounds += [Bound(name, task, int(fold), *row) for row in rows]
    return bounds


def _drift(name: str, now: Scores, then: Scores) -> list[tuple[str, float, str, bool]]:
    if name == TARGET:
        keys = [key for key in now.headline() if not key.startswith("nll")]
        gaps = {key: abs(now.headline()[key] - then.headline()[key]) for key in keys}
        return [at_most(f"|Δ {key}|", gap, TARGET_TOLERANCE) for key, gap in gaps.items()]
    forget = abs(now.knowmem_forget - then.knowmem_forget)
    depth = abs(now.nll_forget / then.nll_forget - 1)
    return [
        at_most("|Δ knowmem_forget|", forget, CONTROL_TOLERANCE),
        at_most("|Δ nll_forget| / nll_forget", depth, NLL_TOLERANCE),
    ]


def build_lab(
    folder: Path, checkpoints: Sequence[Checkpoint], *, workers: int | None = None, progress: bool = True
) -> None:
    """Train checkpoints into a folder, several at a time, each on one thread."""
    jobs = [_Job(folder, checkpoint) for checkpoint in checkpoints]
    run_all(_build, jobs, workers=workers, label=lambda job: job.checkpoint.name, progress=progress)


@dataclass(frozen=True)
class _Job:
    folder: Path
    checkpoint: Checkpoint


def _build(job: _Job) -> dict[str, Any]:
    return {"folder": str(make_checkpoint(job.checkpoint, job.folder))}


def read_expected(folder: Path) -> dict[str, Any]:
    """The scores that were taken when a lab was built."""
    content: dict[str, Any] = json.loads((folder / EXPECTED_FILE).read_text(encoding="utf-8"))
    return content


def write_expected(folder: Path, scored: dict[str, Any]) -> None:
    """Keep the scores of a lab beside it."""
    text = json.dumps(scored, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / EXPECTED_FILE).write_text(text + "\n", encoding="utf-8")
