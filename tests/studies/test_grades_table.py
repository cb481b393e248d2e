"""The table of every grade: a row an optimizer, in the catalogue's order; what ships is the record's."""

from __future__ import annotations

import json

import pytest

import unlearnkit as uk
from unlearnkit.resources import data_path
from unlearnkit.studies.grades_table import grades_table


@pytest.fixture(scope="module")
def record():
    return json.loads(data_path("calibration", "catalogue.json").read_text(encoding="utf-8"))


def made_up(optimizer, task="topic"):
    choice = {
        "lr": 1e-4, "steps": 30, "outcome": "reached", "status": "forgotten", "nll_forget": 5.0,
        "knowmem_forget_shown": 0.01, "knowmem_forget_heldout": 0.02, "knowmem_retain": 0.97,
        "forward_equivalents": 90.4, "distance_l2": 3.21,
    }  # fmt: skip
    return {"task": task, "optimizer": optimizer, "choice": choice, "never_learned": {"nll_forget": 4.0}}


def test_a_row_is_the_choice_and_the_depth_is_relative():
    pairs = [made_up("signsgd"), made_up("sgd"), made_up("adam", task="entities")]
    assert grades_table({"pairs": pairs}, task="topic").splitlines()[2:] == [
        f"| {name} | reached | forgotten | 1e-4 | 30 | 90 | 1.25 | 0.01 / 0.02 | 0.97 | 3.2 |"
        for name in ("sgd | first order", "signsgd | first order, sign")
    ]


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_every_optimizer_of_the_catalogue_has_its_row(record, task):
    found = [pair["optimizer"] for pair in record["pairs"] if pair["task"] == task]
    assert sorted(found) == sorted(uk.optim.catalogue().name)


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_the_table_that_ships_is_the_records(record, task):
    shown = data_path("calibration", "README.md").read_text(encoding="utf-8")
    assert grades_table(record, task=task) in shown


def test_all_were_followed_at_one_cost(record):
    assert {pair["budget"] for pair in record["pairs"]} == {600.0}
    lines = [line for pair in record["pairs"] for line in pair["lines"]]
    costs = [line["points"][-1]["forward_equivalents"] for line in lines if line["points"]]
    assert max(costs) <= 600 + 40  # reference passes, and Hessian-vector products beyond the average
