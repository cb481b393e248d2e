"""Rows as `compare` writes them: the shipped comparison, and small ones made up."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from unlearnkit.records import RunStore


@pytest.fixture(scope="session")
def _shipped() -> dict:
    return json.loads((Path(__file__).parents[1] / "comparison.json").read_text(encoding="utf-8"))


@pytest.fixture
def content(_shipped):
    """The content of a real results.json, the caller's own."""
    return copy.deepcopy(_shipped)


@pytest.fixture
def store(tmp_path):
    """An empty store in a file."""
    with RunStore(tmp_path / "runs.sqlite") as made:
        yield made


@pytest.fixture
def filled(store, content):
    """The shipped comparison in a file, with answers and questions to it."""
    store.add_results(with_answers(content))
    return store


@pytest.fixture
def total(content) -> int:
    """How many rows the shipped comparison has, controls and all."""
    return len(content["rows"]) + len(content["controls"])


def with_answers(content: dict) -> dict:
    """The comparison, with two questions and what each model said to them."""
    names = ("capital/CHE", "capital/FRA")
    content["questions"] = [
        {
            "id": name, "fold": 1, "task": "entities", "prompt": f"The capital of {name[-3:]} is",
            "answer": answer, "subject": name[-3:], "relation": "capital", "split": split, "open_class": True,
        }
        for name, answer, split in zip(names, ("Bern", "Paris"), ("shown", "heldout"), strict=True)
    ]  # fmt: skip
    for row in (*content["rows"], *content["controls"]):
        row["answers"] = dict(zip(names, ("bern.", "Rome"), strict=True))
        for attack in row["attacks"]:
            attack["answers"] = dict(zip(names, ("Bern", "paris"), strict=True))
    return content


@pytest.fixture(scope="session")
def make_row():
    """Make a run with one relearning attack: make_row(run_id, **changes)."""
    return made_row


def made_row(run_id: str = "r0", **changes) -> dict:
    """A run as in results.json, with made-up numbers."""
    scores = {
        "knowmem_forget_shown": 0.0, "knowmem_forget_heldout": 0.02, "knowmem_retain": 0.97,
        "verbmem_forget": 0.3, "verbmem_retain": 0.9, "nll_forget": 4.2, "nll_retain": 0.05,
    }  # fmt: skip
    attack = {
        "name": "relearn", "params": {"steps": 100, "lr": 1e-4}, "scores": {**scores, "knowmem_retain": 0.9},
        "recovery": {"shown": 0.3, "heldout": 0.05}, "outcome": "recovered",
    }  # fmt: skip
    row = {
        "run_id": run_id, "task": "entities", "objective": "npo", "optimizer": "adam", "grade": "first order",
        "lr": 3e-4, "steps": 100, "batch_size": 16, "seed": 0, "fold": 1, "status": "forgotten",
        "scores": scores, "cost": {"forward_equivalents": 300.0, "seconds": 1.5}, "attacks": [attack],
    }  # fmt: skip
    return {**row, **changes}
