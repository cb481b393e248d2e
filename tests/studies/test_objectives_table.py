"""The table of every objective: a row an objective, optimizer and task; what ships is the record's."""

from __future__ import annotations

import json

import pytest

import unlearnkit as uk
from unlearnkit.resources import data_path
from unlearnkit.studies.objectives_table import objectives_table


@pytest.fixture(scope="module")
def record():
    return json.loads(data_path("calibration", "objectives.json").read_text(encoding="utf-8"))


def test_rows_stand_in_the_catalogues_order():
    choice = {
        "lr": 1e-3, "steps": 30, "outcome": "reached", "status": "forgotten", "nll_forget": 5.0,
        "knowmem_forget_shown": 0.01, "knowmem_forget_heldout": 0.02, "knowmem_retain": 0.97,
        "forward_equivalents": 90.4, "distance_l2": 3.21,
    }  # fmt: skip
    pairs = [
        {"objective": objective, "optimizer": "adam", "task": "topic", "choice": choice,
         "never_learned": {"nll_forget": 4.0}}
        for objective in ("rmu", "npo")
    ]  # fmt: skip
    assert objectives_table({"pairs": pairs}).splitlines()[2:] == [
        f"| {name} | adam | topic | reached | forgotten | 1e-3 | 30 | 90 | 1.25 | 0.01 / 0.02 | 0.97 | 3.2 |"
        for name in ("npo", "rmu")
    ]


def test_every_objective_was_followed_with_both_optimizers_on_both_tasks(record):
    found = {(pair["objective"], pair["optimizer"], pair["task"]) for pair in record["pairs"]}
    assert found == {
        (objective, optimizer, task)
        for objective in uk.objectives.catalogue().name
        for optimizer in ("adam", "signadam")
        for task in ("entities", "topic")
    }
    assert len(record["pairs"]) == len(found)


def test_the_table_that_ships_is_the_records(record):
    assert objectives_table(record) in data_path("calibration", "README.md").read_text(encoding="utf-8")


def test_what_was_calibrated_is_what_calibration_begins_with_today(record):
    from unlearnkit.studies.calibrate import OBJECTIVE_OPTIONS, start_of

    for pair in record["pairs"]:
        assert pair["objective_options"] == OBJECTIVE_OPTIONS.get(pair["objective"], {})
        assert pair["start"] == start_of(pair["objective"], pair["optimizer"])


def test_what_the_readme_reads_from_the_table_is_there(record):
    text = data_path("calibration", "README.md").read_text(encoding="utf-8")
    told = text.partition("## Every objective at one cost")[2]
    chosen = {(p["objective"], p["optimizer"], p["task"]): p["choice"] for p in record["pairs"]}
    reached = {}
    for (objective, _, _), choice in chosen.items():
        reached[objective] = reached.get(objective, 0) + (choice["outcome"] == "reached")
    assert {name for name, count in reached.items() if count == 4} == {"ceu", "wga", "satimp", "simnpo"}
    assert (reached["npo"], reached["graddiff"]) == (1, 1)
    wrecked = {o for o in reached if all(c["status"] == "destroyed" for k, c in chosen.items() if k[0] == o)}
    assert wrecked == {"grad_ascent", "task_vector"}
    assert min(c["knowmem_retain"] for k, c in chosen.items() if k[0] == "ceu") >= 0.975
    far = [chosen["rmu", optimizer, "topic"]["distance_l2"] for optimizer in ("adam", "signadam")]
    assert "{:.1f} and {:.1f}".format(*far) in told
    others = [c["distance_l2"] for k, c in chosen.items() if k[0] != "rmu" and c["status"] != "destroyed"]
    assert max(others) < min(far)
