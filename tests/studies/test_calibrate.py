"""Calibration is checked before it begins, and one that was killed ends as if it had not been."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.studies.calibrate import (
    DEFAULT_OPTIMIZERS,
    Pair,
    calibrate,
    optimizer_options,
    plan_calibration,
    presets_of,
    start_of,
    write_calibration,
)
from unlearnkit.studies.calibration_table import calibration_table
from unlearnkit.unlearning.presets import Preset

MODULE = import_module("unlearnkit.studies.calibrate")

# Two steps of a sign optimizer on the topic task at five small rates, each scored once.
TINY = """
import sys
from dataclasses import replace
from pathlib import Path
from unlearnkit.studies.calibrate import calibrate, plan_calibration

if __name__ == "__main__":
    (pair,) = plan_calibration(Path(sys.argv[1]), tasks=["topic"], optimizers=["signsgd"],
                               objective="graddiff", budget=6)
    calibrate([replace(pair, start=1e-4)], workers=1, progress=False)
"""


# What is planned


def test_every_task_meets_every_optimizer_and_the_costly_ones_come_first(tmp_path: Path) -> None:
    pairs = plan_calibration(tmp_path, optimizers=["adam", "adazo"], seeds=[0, 1])
    assert len(pairs) == 2 * 2 * 2
    assert [pair.optimizer for pair in pairs] == ["adazo"] * 4 + ["adam"] * 4
    assert {pair.budget for pair in pairs} == {3000.0, 1200.0}
    assert len({pair.journal for pair in pairs}) == len(pairs)  # one writer a file


def test_what_is_calibrated_by_default_can_be(tmp_path: Path) -> None:
    pairs = plan_calibration(tmp_path)
    assert {pair.optimizer for pair in pairs} == set(DEFAULT_OPTIMIZERS)
    assert {pair.task for pair in pairs} == {"entities", "topic"}


def test_the_quick_look_takes_the_whole_catalogue_at_one_cost(tmp_path: Path) -> None:
    pairs = plan_calibration(tmp_path, quick=True)
    assert {pair.optimizer for pair in pairs} == set(uk.optim.catalogue().name)
    assert {(pair.budget, pair.quick) for pair in pairs} == {(600.0, True)}
    assert pairs[0].search == {"most_coarse": 3, "fine": False}


def test_several_objectives_meet_every_optimizer_each_from_a_start_of_its_own(tmp_path: Path) -> None:
    pairs = plan_calibration(tmp_path, objective=["npo", "idk_dpo", "npo"], optimizers=["adam", "signadam"])
    assert len(pairs) == len({pair.journal for pair in pairs}) == 2 * 2 * 2
    starts = {(pair.objective, pair.optimizer): pair.start for pair in pairs}
    assert starts[("npo", "adam")] == 3.2e-4
    assert starts[("idk_dpo", "adam")] == start_of("idk_dpo", "adam") > 3.2e-4
    assert {pair.objective: pair.settings["objective_options"] for pair in pairs} == {
        "npo": {"retain_weight": 5.0}, "idk_dpo": {"retain_weight": 5.0, "beta": 0.02},
    }  # fmt: skip


def test_all_is_the_whole_catalogue(tmp_path: Path) -> None:
    pairs = plan_calibration(tmp_path, objective="all", optimizers=["adam"], quick=True)
    assert {pair.objective for pair in pairs} == set(uk.objectives.catalogue().name)
    pairs = plan_calibration(tmp_path, optimizers=["all"])
    assert {pair.optimizer for pair in pairs} == set(uk.optim.catalogue().name)


def test_everything_but_the_folder_describes_a_pair(tmp_path: Path) -> None:
    pair = plan_calibration(tmp_path, tasks=["topic"], optimizers=["hybrid"])[0]
    described = pair.describe()
    assert described["fold"] == 0
    assert described["optimizer_options"] == optimizer_options("hybrid")
    assert described == dataclasses.replace(pair, folder=tmp_path / "elsewhere").describe()
    changes: dict[str, Any] = {"task": "entities", "objective": "graddiff", "optimizer": "adam", "seed": 1,
                               "budget": 7.0, "start": 0.1, "batch_size": 8, "quick": True}  # fmt: skip
    assert set(changes) == {f.name for f in dataclasses.fields(Pair)} - {"folder"}
    for name, value in changes.items():
        assert dataclasses.replace(pair, **{name: value}).describe() != described


def test_hybrids_share_their_options() -> None:
    options = [optimizer_options(name) for name in DEFAULT_OPTIMIZERS if name.startswith("hybrid")]
    assert len(options) == 5
    assert options[0]["block"] == 10
    assert all(given == options[0] for given in options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"optimizers": ["addam"]}, UnknownName, 'did you mean "adam"'),
        ({"objective": "npoo"}, UnknownName, 'did you mean "npo"'),
        ({"objective": ["npo", "npoo"]}, UnknownName, 'did you mean "npo"'),
        ({"objective": []}, BadInput, "at least one"),
        ({"tasks": ["people"]}, UnknownName, "entities, topic"),
        ({"seeds": [0.5]}, BadInput, "seed must be"),
        ({"seeds": []}, BadInput, "at least one"),
        ({"optimizers": []}, BadInput, "at least one"),
        ({"tasks": []}, BadInput, "at least one"),
    ],
)
def test_whatever_is_wrong_is_said_before_any_work(
    options: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        plan_calibration(tmp_path, **options)
    assert not list(tmp_path.iterdir())


# What comes of it


def _row(optimizer: str, seed: int, lr: float) -> dict[str, Any]:
    """A pair's row with a made-up choice."""
    point = {
        "steps": 7, "nll_forget": 4.0, "knowmem_forget_shown": 0.0, "knowmem_forget_heldout": 0.02,
        "knowmem_retain": 0.9, "forward_equivalents": 21.0, "distance_l2": 1.5, "status": "forgotten",
    }  # fmt: skip
    return {
        "task": "topic", "objective": "npo", "optimizer": optimizer, "seed": seed, "batch_size": 16,
        "objective_options": {"retain_weight": 5.0}, "optimizer_options": {}, "lines": [{}, {}],
        "choice": {"lr": lr, "outcome": "reached", **point}, "never_learned": {"nll_forget": 4.1},
    }  # fmt: skip


def test_a_preset_is_the_choice_of_the_first_seed() -> None:
    frontiers = {"schema": 1, "pairs": [_row("adam", 0, 1e-3), _row("adam", 1, 1e-5), _row("sgd", 0, 0.1)]}
    found = presets_of(frontiers)["presets"]
    assert [(row["optimizer"], row["lr"], row["steps"]) for row in found] == [
        ("adam", 1e-3, 7),
        ("sgd", 0.1, 7),
    ]
    known = {field.name for field in dataclasses.fields(Preset)} | {"outcome"}
    assert set(found[0]) <= known


def test_the_table_shows_every_choice_and_the_depth_to_reach() -> None:
    table = calibration_table({"pairs": [_row("adam", 0, 1e-3), _row("adam", 1, 1e-5)]})
    lines = table.splitlines()
    assert lines[1].split() == "topic adam 0.001 7 reached 4.00 0.00/0.02 0.90 21 1.5 2".split()
    assert "adam (seed 1)" in lines[2]
    assert "never_learned's nll: topic 4.10." in lines[-1]


def test_the_table_names_the_objective_where_there_is_more_than_one() -> None:
    alone, other = _row("adam", 0, 1e-3), _row("adam", 0, 1e-2) | {"objective": "rmu"}
    assert "npo" not in calibration_table({"pairs": [alone]})
    lines = calibration_table({"pairs": [alone, other]}).splitlines()
    assert lines[0].split()[:3] == ["task", "objective", "optimizer"]
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["topic", "npo", "adam", "0.001"],
        ["topic", "rmu", "adam", "0.01"],
    ]


# Killed, and resumed


@pytest.mark.slow
def test_one_that_was_killed_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearnkit.unlearning.calibration.MOST_COARSE", 3)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    _kill_after_the_first_line(killed)
    (before,) = [place.read_bytes() for place in (killed / "lines").iterdir()]
    with _only(killed / "lines").open("ab") as file:
        file.write(b'{"key": "torn')  # as if it had been killed while it wrote

    followed: list[float] = []
    follow = MODULE.follow
    monkeypatch.setattr(MODULE, "follow", lambda *a, lr, **b: followed.append(lr) or follow(*a, lr=lr, **b))
    undisturbed = _calibrate(whole)
    every_rate = list(followed)
    followed.clear()
    resumed = _calibrate(killed)

    for name in ("frontiers.json", "presets.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert resumed == undisturbed
    assert len(every_rate) == len(set(every_rate)) == len(undisturbed["pairs"][0]["lines"]) == 5
    done = before.count(b"\n")
    assert 1 <= done < len(every_rate)
    assert followed == every_rate[done:]  # nothing twice
    assert _only(killed / "lines").read_bytes() == _only(whole / "lines").read_bytes()


def _kill_after_the_first_line(folder: Path) -> None:
    """Start a calibration in a process of its own and end it, without warning, once a line is written."""
    command = [sys.executable, "-c", TINY, str(folder)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while not any(b"\n" in place.read_bytes() for place in folder.glob("lines/*.jsonl")):
            assert child.poll() is None, f"it ended by itself: {child.stderr and child.stderr.read()}"
            time.sleep(0.02)
    finally:
        child.kill()  # SIGKILL where there is one
        child.communicate()


def _calibrate(folder: Path) -> dict[str, Any]:
    """The same calibration, here."""
    (pair,) = plan_calibration(
        folder, tasks=["topic"], optimizers=["signsgd"], objective="graddiff", budget=6
    )
    frontiers = calibrate([dataclasses.replace(pair, start=1e-4)], workers=1, progress=False)
    write_calibration(frontiers, folder)
    return json.loads(json.dumps(frontiers))


def _only(folder: Path) -> Path:
    (place,) = folder.iterdir()
    return place
