"""Records with something to choose on every control: a real comparison, varied over problems and seeds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import unlearnkit as uk
from unlearnkit.attacks.judging import judge_attacks
from unlearnkit.resources import data_path

TASKS, OBJECTIVES, FOLDS = ("entities", "topic"), ("npo", "graddiff"), (1, 2)
QUESTIONS = {"capital/Chad": ("shown", "N'Djamena"), "capital/Peru": ("heldout", "Lima")}
VARIED = ("knowmem_forget_shown", "knowmem_forget_heldout", "nll_forget")


def made_up_results(seed: int = 0) -> dict[str, Any]:
    """A results.json: the shipped comparison's runs and controls on every task, objective and fold.

    Numbers are shaken, judged by the rule, and say nothing about any optimizer.
    """
    real = json.loads(data_path("records", "compare-quick.json").read_text(encoding="utf-8"))
    draw = Random(seed)
    controls = [
        _moved(row, task=task, fold=fold)
        for row, task, fold in product(real["controls"], TASKS, FOLDS)
    ]  # fmt: skip
    rows = [
        _run(row, draw, controls, task=task, objective=objective, fold=fold)
        for row, task, objective, fold in product(real["rows"], TASKS, OBJECTIVES, FOLDS)
    ]
    return {**real, "rows": rows, "controls": controls, "questions": list(_questions())}


def made_up_store(path: Path) -> Path:
    """The same in a file."""
    with uk.records.RunStore(path) as store:
        store.add_results(made_up_results())
    return path


def _run(row: dict[str, Any], draw: Random, controls: list[dict[str, Any]], **place: Any) -> dict[str, Any]:
    run = _moved(row, **place) | {"status": "forgotten"}
    for scored in (run, *run["attacks"]):
        for name in VARIED:
            scored["scores"][name] = min(1.0, scored["scores"][name] * draw.uniform(0.5, 1.5) + 0.01)
        scored["scores"]["nll_forget"] = draw.uniform(3.0, 6.0)
    beside = [c for c in controls if (c["task"], c["fold"]) == (place["task"], place["fold"])]
    judge_attacks(run, beside)
    return run


def _moved(row: dict[str, Any], **place: Any) -> dict[str, Any]:
    """A row at another place, with an id and answers of its own."""
    moved = copy.deepcopy(row) | place
    moved["run_id"] = "-".join(map(str, [row["run_id"][:8], *place.values()]))
    moved["answers"] = {name: f"before {name}" for name in QUESTIONS}
    for attack in moved["attacks"]:
        after = {name: true if split == "shown" else "another" for name, (split, true) in QUESTIONS.items()}
        attack["answers"] = after
    return moved


def _questions() -> Iterator[dict[str, Any]]:
    for (name, (split, answer)), task, fold in product(QUESTIONS.items(), TASKS, FOLDS):
        relation, subject = name.split("/")
        yield {
            "id": name, "task": task, "fold": fold, "prompt": f"{relation} of {subject}?", "answer": answer,
            "subject": subject, "relation": relation, "split": split, "open_class": True,
        }  # fmt: skip
