"""A comparison is checked whole before it starts, and repeats itself to the digit."""

from __future__ import annotations

import copy
import json
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from unlearnkit.attacks import parse_attack
from unlearnkit.errors import BadInput, NotCalibrated, UnknownName
from unlearnkit.metrics import Scores, normalise
from unlearnkit.studies import cells as cells_module
from unlearnkit.studies.cells import Cell, ControlCell, Problem
from unlearnkit.studies.compare import Comparison, compare, plan_comparison, prepare_folder, save_comparison
from unlearnkit.studies.kept import Kept
from unlearnkit.studies.table import comparison_table
from unlearnkit.unlearning import STATUSES

compare_module = import_module("unlearnkit.studies.compare")  # the room shows its function by that name
SMALL = {
    "task": "topic",
    "folds": [1],
    "optimizers": ["adam", "signadam"],
    "attacks": ["quantize-4", "relearn-3"],
}


@pytest.fixture(scope="module")
def small() -> Comparison:
    """One fold, two optimizers, two processes."""
    return compare(plan_comparison(**SMALL), workers=2, progress=False)


@pytest.fixture(scope="module")
def alone() -> tuple[Comparison, dict[str, dict[str, Any]]]:
    """The same in one process, and what each cell gave, by its label."""
    given: dict[str, dict[str, Any]] = {}
    real = compare_module.work

    def work(cell: Cell | ControlCell) -> dict[str, Any]:
        given[cell.label] = real(cell)
        return copy.deepcopy(given[cell.label])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_module, "work", work)
        return compare(plan_comparison(**SMALL), workers=1, progress=False), given


def without_seconds(comparison: Comparison) -> dict[str, Any]:
    content = copy.deepcopy(comparison.to_dict())
    for row in content["rows"]:
        del row["cost"]["seconds"]
    return content


@pytest.mark.parametrize(
    ("option", "error", "words"),
    [
        ({"optimizers": ["addam"]}, UnknownName, 'did you mean "adam"'),
        ({"objective": "npoo"}, UnknownName, 'did you mean "npo"'),
        ({"task": "people"}, UnknownName, "entities, topic"),
        ({"folds": [0]}, BadInput, "calibration only"),
        ({"folds": [6]}, BadInput, "sealed"),
        ({"folds": [9]}, BadInput, "has folds"),
        ({"folds": []}, BadInput, "none given"),
        ({"folds": [1, 1]}, BadInput, "more than once"),
        ({"attacks": ["quantise-4"]}, BadInput, "quantize-BITS"),
        ({"attacks": ["relearn-100", "relearn-100@1e-4"]}, BadInput, "more than once"),
        ({"task": "topic", "folds": [4]}, BadInput, "has folds"),
        ({"seed": 1.5}, BadInput, "seed"),
        ({"optimizers": ["adamw"]}, NotCalibrated, "lr="),
    ],
)
def test_whatever_is_wrong_is_said_before_any_work(option: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        plan_comparison(**{"task": "entities", **option})


def test_every_cell_meets_the_same_attacks_as_its_controls(small: Comparison) -> None:
    asked = [parse_attack(text).to_dict() for text in SMALL["attacks"]]
    for row in (*small.rows, small.control("target", 1), small.control("never_learned", 1)):
        assert [{"name": a["name"], "params": a["params"]} for a in row["attacks"]] == asked


def test_every_attack_meets_the_model_that_was_planted_for_it(small: Comparison) -> None:
    planted = {row["control"]: row for row in small.controls if row["control"].startswith("plant-")}
    assert {name: [a["name"] for a in row["attacks"]] for name, row in planted.items()} == {
        "plant-grid-4-rtn": ["quantize"],
        "plant-hidden": ["relearn"],
    }
    (rounded,) = planted["plant-grid-4-rtn"]["attacks"]
    assert rounded["scores"]["knowmem_forget_heldout"] >= 0.9
    quantized = [row["attacks"][0]["outcome"] for row in small.rows]
    assert "no power" not in quantized


def test_one_worker_gives_the_same_rows_as_two(small: Comparison, alone) -> None:
    assert without_seconds(alone[0]) == without_seconds(small)


def test_the_controls_bracket_the_runs(small: Comparison) -> None:
    target, control = (small.control(name, 1)["scores"] for name in ("target", "never_learned"))
    assert target["knowmem_forget_heldout"] >= 0.95 >= 0.15 >= control["knowmem_forget_heldout"]
    for row in small.rows:
        assert row["status"] in STATUSES
        assert target["nll_forget"] < row["scores"]["nll_forget"]


def test_recovery_is_measured_from_the_control_under_the_same_attack(small: Comparison) -> None:
    control = small.control("never_learned", 1)["attacks"]
    for row in small.rows:
        for attack, same in zip(row["attacks"], control, strict=True):
            for half in ("shown", "heldout"):
                name = f"knowmem_forget_{half}"
                assert attack["recovery"][half] == attack["scores"][name] - same["scores"][name]


def test_what_was_answered_is_what_was_scored(small: Comparison) -> None:
    asked = {question["id"]: question for question in small.questions}
    assert len(asked) == len(small.questions)
    for row in (*small.rows, *small.controls):
        for part in (row, *row["attacks"]):
            assert part["answers"].keys() == asked.keys()
            for split in ("shown", "heldout"):
                right = [
                    normalise(part["answers"][name]) == normalise(question["answer"])
                    for name, question in asked.items()
                    if question["split"] == split and question["open_class"]
                ]
                assert fmean(right) == part["scores"][f"knowmem_forget_{split}"]


def test_a_failed_cell_is_put_down_and_the_rest_goes_on(alone, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(cell: Cell | ControlCell) -> dict[str, Any]:
        if "signadam" in cell.label or "never_learned" in cell.label:
            raise MemoryError("no room")
        return copy.deepcopy(alone[1][cell.label])

    monkeypatch.setattr(compare_module, "work", work)
    found = compare(plan_comparison(**SMALL), workers=1, progress=False)
    assert [failure["error"] for failure in found.failures] == ["MemoryError: no room"] * 2
    (row,) = found.rows
    assert [attack["outcome"] for attack in row["attacks"]] == ["not applicable"] * 2
    table = comparison_table(found)
    assert "failed: signadam, topic fold 1: MemoryError: no room" in table
    assert "no control -" in table
    assert Comparison.from_dict(found.to_dict()) == found


def test_cells_that_are_kept_are_not_done_again(
    alone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_comparison(**SMALL)
    monkeypatch.setattr(compare_module, "work", lambda cell: copy.deepcopy(alone[1][cell.label]))
    first = compare(plan, keep_in=tmp_path, workers=1, progress=False)
    assert first == alone[0]
    monkeypatch.setattr(compare_module, "work", lambda _: pytest.fail("done again"))
    assert compare(plan, keep_in=tmp_path, workers=1, progress=False) == first
    keys = {cell.describe()["run_id"] for cell in plan.cells}
    assert keys == {row["run_id"] for row in first.rows}


def test_another_never_learned_makes_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scores decide status and outcome, so a rebuilt lab must not find the old rows."""
    plan = plan_comparison(**SMALL)
    kept = Kept(compare_module.work, Path())
    before = [kept.key(item) for item in plan.items]
    monkeypatch.setattr(
        Problem, "fingerprint", lambda problem: {**cells_module._fingerprint(problem), "never_learned": "x"}
    )
    assert not {*before} & {kept.key(item) for item in plan.items}


def test_results_are_written_whole_and_are_plain_json(small: Comparison, tmp_path: Path) -> None:
    written = save_comparison(small, tmp_path, table=comparison_table(small))
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert content["schema"] == 1
    assert [row["optimizer"] for row in content["rows"]] == SMALL["optimizers"]
    assert all(Scores(**row["scores"]) for row in content["rows"])
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_the_table_names_every_optimizer_control_and_caution(small: Comparison) -> None:
    table = comparison_table(small)
    named = (
        "adam",
        "signadam",
        "target",
        "never_learned",
        "first order, sign",
        "plant-hidden",
        "calibration",
    )
    for word in named:
        assert word in table
    assert max(map(len, table.splitlines())) < 190


def test_results_are_never_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("kept")
    with pytest.raises(BadInput, match="--overwrite"):
        prepare_folder(tmp_path)
    prepare_folder(tmp_path, overwrite=True)
    assert (tmp_path / "results.json").read_text() == "kept"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        prepare_folder(tmp_path / "file" / "below")
