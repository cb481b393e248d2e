"""The studies whose records ship: each by name, resumable, written as one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unlearnkit.attacks.judging import judge_attacks
from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.files import write_whole
from unlearnkit.studies import depth, flatness, power, radius, smoothing, tofu, zeroth_order
from unlearnkit.studies.compare import prepare_folder
from unlearnkit.studies.executor import run_all, worker_count
from unlearnkit.studies.kept import Kept


@dataclass(frozen=True)
class Named:
    """A study: its question, its cells, what does one, and what becomes of their results.

    One on `data` of the user's own takes their folder, and the study's, to make its cells. `prepare` is what
    is done before any cell is.
    """

    question: str
    cells: Callable[..., Sequence[Any]]
    work: Callable[[Any], dict[str, Any]]
    collect: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
    on_data: bool = False
    prepare: Callable[..., None] | None = None


def _with_controls(cells: Sequence[depth.DepthCell]) -> list[Any]:
    return [*cells, *depth.control_cells(cells)]


def _judged(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rows with recoveries and outcomes, beside the controls they were held against."""
    found = _apart(results)
    for row in found["rows"]:
        place = (row["task"], row["fold"])
        judge_attacks(row, [c for c in found["controls"] if (c["task"], c["fold"]) == place])
    return found


def _apart(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Runs and controls, without answers."""
    rows = [row for result in results for row in result.get("rows", [])]
    controls = [result["control"] for result in results if "control" in result]
    for row in [*rows, *controls]:
        _without_answers(row)
    return {"rows": rows, "controls": controls}


def _without_answers(row: dict[str, Any]) -> None:
    """These records are about shares, and ship: what was said to each question would fill megabytes."""
    for part in (row, *row["attacks"]):
        part.pop("answers", None)


def _listed(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"rows": list(results)}


STUDIES = {
    "step-size": Named(
        "At matched depth, does the learning rate explain survival?",
        lambda: _with_controls(depth.step_size_cells()), depth.work, _judged,
    ),
    "depth": Named(
        "How does survival depend on how far forgetting went?",
        lambda: _with_controls(depth.depth_cells()), depth.work, _judged,
    ),
    "zeroth-order": Named(
        "Can zeroth order forget here, and at what cost?", zeroth_order.zeroth_order_cells, zeroth_order.work,
        _listed,
    ),
    "radius": Named(
        "How far should zeroth order look, in float32?", radius.radius_cells, radius.work, _listed,
    ),
    "power": Named("Which attacks find what is there?", power.power_cells, power.work, _listed),
    "flatness": Named(
        flatness.QUESTION, flatness.flatness_cells, flatness.work,
        lambda results: flatness.decided() | _judged(results),
    ),
    "smoothing": Named(
        smoothing.QUESTION, smoothing.smoothing_cells, smoothing.work,
        lambda results: smoothing.decided() | _apart(results),
    ),
    "tofu": Named(tofu.QUESTION, tofu.tofu_cells, tofu.work, tofu.collect, True, tofu.train_models),
}  # fmt: skip


def run_study(
    name: str, folder: Path, *, data: Path | None = None, workers: int | None = None, progress: bool = True
) -> Path:
    """Run a study and write DIR/NAME.json; cells that were done before are read from DIR/cells.

    Raises
    ------
    UnknownName
        For a name that is not in `STUDIES`.
    BadInput, MissingReference
        For `data` that a study does not take, or lacks.
    """
    if name not in STUDIES:
        raise unknown_name("study", name, STUDIES)
    study = STUDIES[name]
    if data is not None and not study.on_data:
        raise BadInput(f"data: the study {name} has rows of its own, so leave --data out")
    cells = study.cells(data, folder) if study.on_data else study.cells()
    worker_count(workers, len(cells))
    prepare_folder(folder, overwrite=True)
    if study.prepare is not None:
        study.prepare(cells, workers=workers, progress=progress)
    results = run_all(
        Kept(study.work, folder / "cells"), cells, workers=workers, label=lambda cell: cell.label,
        progress=progress,
    )  # fmt: skip
    place = folder / f"{name}.json"
    content = {"schema": 1, "study": name, "question": study.question, **study.collect(results)}
    write_whole(place, json.dumps(content, ensure_ascii=False) + "\n")
    return place
