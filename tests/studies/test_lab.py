"""What ships keeps the lab's bounds, and a lab that does not is caught."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from unlearnkit.cli import main
from unlearnkit.metrics import Scores
from unlearnkit.resources import data_path
from unlearnkit.studies import lab
from unlearnkit.testbeds.atlas.checkpoints import Checkpoint, make_checkpoint, shipped_checkpoints
from unlearnkit.testbeds.atlas.training import Recipe


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return lab.read_expected(data_path("lab"))


def test_every_shipped_fold_was_scored(expected: dict[str, Any]) -> None:
    places = [f"{c.task}-{c.fold}" for c in shipped_checkpoints() if c.task is not None]
    assert sorted(expected) == sorted(places)
    assert len(places) == 6 + 4


def test_every_bound_was_kept_when_it_was_built(expected: dict[str, Any]) -> None:
    assert [bound for bound in lab.check_bounds(expected) if not bound.kept] == []


def test_the_lab_is_small_enough_to_ship() -> None:
    size = sum(path.stat().st_size for path in data_path("lab").rglob("*") if path.is_file())
    assert size <= 30e6


@pytest.mark.slow
def test_what_ships_scores_as_it_did_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-lab", "--check", "--json"]) == 0
    bounds = json.loads(capsys.readouterr().out)
    assert {(b["task"], b["fold"]) for b in bounds} == {
        (c.task, c.fold) for c in shipped_checkpoints() if c.task is not None
    }
    assert all(bound["kept"] for bound in bounds)


def _spoil(expected: dict[str, Any], model: str, **scores: float) -> dict[str, Any]:
    spoiled = copy.deepcopy(expected)
    spoiled["entities-1"][model]["scores"].update(scores)
    spoiled["entities-1"][model]["weights"] = "other"
    return spoiled


@pytest.mark.parametrize(
    ("model", "score", "value"),
    [
        ("target", "knowmem_forget_heldout", 0.94),
        ("target", "knowmem_retain", 0.94),
        ("target", "verbmem_retain", 0.89),
        ("target", "knowmem_retain", float("nan")),
        ("never-learned-entities-1", "knowmem_forget_shown", 0.16),
        ("never-learned-entities-1", "knowmem_retain", 0.94),
    ],
)
def test_a_missed_bound_is_reported(expected: dict, model: str, score: str, value: float) -> None:
    missed = [
        bound for bound in lab.check_bounds(_spoil(expected, model, **{score: value})) if not bound.kept
    ]
    assert len(missed) == 1
    assert (missed[0].checkpoint, missed[0].fold) == (model, 1)


@pytest.mark.parametrize(
    ("model", "score", "change", "kept"),
    [
        ("target", "knowmem_retain", -0.02, True),
        ("target", "knowmem_retain", -0.04, False),
        ("never-learned-entities-1", "knowmem_forget_shown", 0.09, True),
        ("never-learned-entities-1", "knowmem_forget_shown", 0.11, False),
    ],
)
def test_another_machine_may_differ_so_far_and_no_further(
    expected: dict, model: str, score: str, change: float, kept: bool
) -> None:
    value = expected["entities-1"][model]["scores"][score] + change
    drift = lab.check_against(_spoil(expected, model, **{score: value}), expected)
    assert all(bound.kept for bound in drift) is kept


def test_the_depth_of_a_control_may_differ_by_a_tenth(expected: dict) -> None:
    nll = expected["entities-1"]["never-learned-entities-1"]["scores"]["nll_forget"]
    for factor, kept in ((1.09, True), (1.11, False)):
        changed = _spoil(expected, "never-learned-entities-1", nll_forget=nll * factor)
        assert all(bound.kept for bound in lab.check_against(changed, expected)) is kept


def test_equal_weights_need_no_tolerance(expected: dict) -> None:
    rules = {bound.rule for bound in lab.check_against(expected, expected)}
    assert rules == {"identical to the bit"}


def test_a_lab_that_forgot_is_caught_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("target", "never-learned-topic-1"):
        _copy_with_noise(data_path("lab", name), tmp_path / name, scale=0.05)
    options = ["--check", "--out", str(tmp_path), "--only", "never-learned-topic-1", "--workers", "1"]
    assert main(["build-lab", *options]) == 1
    assert "MISS" in capsys.readouterr().out


def _copy_with_noise(source: Path, place: Path, *, scale: float) -> None:
    place.mkdir()
    for path in source.iterdir():
        if path.suffix != ".safetensors":
            (place / path.name).write_bytes(path.read_bytes())
            continue
        weights = load_file(path)
        noisy = {name: w + scale * torch.randn(w.shape) for name, w in weights.items()}
        save_file(noisy, place / path.name, metadata={"format": "pt"})


def test_training_repeats_itself_to_the_bit(tmp_path: Path) -> None:
    short = Recipe(steps=20)
    places = [make_checkpoint(Checkpoint("topic", 1), tmp_path / name, recipe=short) for name in "ab"]
    first, second = (load_file(place / "model.safetensors") for place in places)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_building_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "target").mkdir()
    assert main(["build-lab", "--out", str(tmp_path), "--only", "target"]) == 2
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--only", "targit"], ["--workers", "x"], ["--check", "--out", "nowhere"]]
)
def test_nonsense_is_refused_in_one_line(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-lab", *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_scores_survive_the_file(expected: dict[str, Any]) -> None:
    found = expected["topic-0"]["target"]["scores"]
    assert Scores(**found).to_dict() == found
