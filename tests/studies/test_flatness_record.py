"""The record of the study of flatness: judged, written, and gone on with."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from unlearnkit.studies.cells import Problem
from unlearnkit.studies.flatness import FlatCell
from unlearnkit.studies.flatness_measures import SETTINGS
from unlearnkit.studies.named import STUDIES, run_study

PLACE = Problem("topic", 1)


def test_the_study_is_written_with_outcomes_and_goes_on_from_kept_cells(tmp_path, monkeypatch, flat_rows):
    done = []

    def work(cell):
        done.append(cell.label)
        return copy.deepcopy(flat_rows[cell.name])

    cells = [FlatCell(PLACE, name) for name in flat_rows]
    monkeypatch.setattr(FlatCell, "describe", lambda cell: {"name": cell.name})
    study = replace(STUDIES["flatness"], cells=lambda: cells, work=work)
    monkeypatch.setitem(STUDIES, "flatness", study)
    first = run_study("flatness", tmp_path, workers=1, progress=False).read_text(encoding="utf-8")
    again = run_study("flatness", tmp_path, workers=1, progress=False).read_text(encoding="utf-8")
    assert (first, len(done)) == (again, 4)
    record = json.loads(first)
    assert record["study"] == "flatness"
    assert record["attack"] == "relearn-100"
    assert len(record["questions"]) == 2
    assert record["settings"]["rows"] == SETTINGS.rows
    (attack,) = record["rows"][0]["attacks"]
    assert (attack["outcome"], attack["recovery"]["heldout"]) == ("recovered", pytest.approx(0.6))
    assert "answers" not in record["rows"][0]
    assert [control["control"] for control in record["controls"]] == [
        "target",
        "never_learned",
        "plant-hidden",
    ]


@pytest.fixture
def flat_rows():
    """What the cells of a fold give, without measures."""

    def row(before, after, **more):
        attack = {
            "name": "relearn",
            "params": {"steps": 100, "lr": 1e-4},
            "scores": scores(after),
            "answers": {},
        }
        place = {"task": "topic", "fold": 1, "scores": scores(before), "answers": {"q": "a"}}
        return place | more | {"attacks": [attack]}

    def scores(known):
        names = ("knowmem_forget_shown", "knowmem_forget_heldout")
        kept = {"knowmem_retain": 1.0, "verbmem_forget": 0.0, "verbmem_retain": 0.0}
        return dict.fromkeys(names, known) | kept | {"nll_forget": 4.0, "nll_retain": 0.1}

    return {
        "sgd": {"rows": [row(0.0, 0.7, optimizer="sgd", status="forgotten")]},
        "target": {"control": row(1.0, 1.0, control="target")},
        "never_learned": {"control": row(0.05, 0.1, control="never_learned")},
        "plant": {"control": row(0.0, 0.9, control="plant-hidden")},
    }
