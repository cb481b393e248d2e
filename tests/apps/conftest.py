"""What the tests of views share: a store with a real comparison and more folds made of it, with answers."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from unlearnkit.records import RunStore

QUESTIONS = [
    {
        "id": "capital/Chad",
        "answer": "N'Djamena",
        "split": "heldout",
        "subject": "Chad",
        "relation": "capital",
    },
    {"id": "capital/Peru", "answer": "Lima", "split": "shown", "subject": "Peru", "relation": "capital"},
    {"id": "rank/Chad", "answer": "21", "split": "heldout", "subject": "Chad", "relation": "rank"},
]
BEFORE = {"capital/Chad": "Quito", "capital/Peru": "Lima", "rank/Chad": "3"}
AFTER = {"capital/Chad": "N'Djamena", "capital/Peru": "Paris", "rank/Chad": "<b>9</b>"}


@pytest.fixture(scope="session")
def comparison():
    """A record of the entity task, fold 1, made before rows carried answers."""
    return json.loads((Path(__file__).parents[1] / "comparison.json").read_text(encoding="utf-8"))


@pytest.fixture
def store(comparison):
    """That record and two made-up folds: recovery is 0.05 higher on fold 2 and 0.10 on fold 3."""
    content = copy.deepcopy(comparison)
    content = {**content, "rows": [], "controls": [], "questions": []}
    for fold in (1, 2, 3):
        content["rows"] += [_moved(row, fold) for row in comparison["rows"]]
        content["controls"] += [_moved(row, fold) for row in comparison["controls"]]
        content["questions"] += [
            {**question, "fold": fold, "task": "entities", "prompt": f"{question['id']}?", "open_class": True}
            for question in QUESTIONS
        ]
    with RunStore.in_memory([content]) as made:
        yield made


def _moved(row, fold):
    row = copy.deepcopy(row)
    row |= {"fold": fold, "run_id": f"{row['run_id'][:8]}-{fold}", "answers": dict(BEFORE)}
    for attack in row["attacks"]:
        attack["answers"] = dict(AFTER)
        if "recovery" in attack:
            attack["recovery"]["heldout"] += 0.05 * (fold - 1)
    return row
