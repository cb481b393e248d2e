"""Repeated calibration is compared on its own grid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.resources import data_path
from unlearnkit.studies.calibrate import write_calibration
from unlearnkit.studies.repeats import grid_steps, repeats_of, repeats_sentences
from unlearnkit.unlearning.calibration import rate_at


def pair(seed: int, lr: float, steps: int = 80) -> dict:
    choice = {
        "lr": lr, "steps": steps, "outcome": "reached", "nll_forget": 5.0, "knowmem_retain": 0.99, "more": 1,
    }  # fmt: skip
    return {
        "task": "topic", "objective": "npo", "optimizer": "adam", "seed": seed, "batch_size": 16,
        "objective_options": {}, "optimizer_options": {}, "choice": choice, "lines": [],
    }  # fmt: skip


@pytest.mark.parametrize("start", [1e-4, 3.2e-4, 0.1])
@pytest.mark.parametrize("apart", [0, 1, 2, 5])
def test_steps_are_counted_on_the_grid_that_calibration_searches(start: float, apart: int) -> None:
    rates = [rate_at(start, -1), rate_at(start, apart - 1)]
    assert grid_steps(rates) == grid_steps(rates[::-1]) == apart


def test_several_seeds_write_their_choices(tmp_path: Path) -> None:
    frontiers = {"schema": 1, "pairs": [pair(0, 1.8e-4), pair(1, 3.2e-4, 60)]}
    written = write_calibration(frontiers, tmp_path)
    assert [path.name for path in written] == ["frontiers.json", "presets.json", "repeats.json"]
    record = json.loads((tmp_path / "repeats.json").read_text())
    assert record == repeats_of(frontiers)
    assert repeats_sentences(record) == (
        "topic task, adam, 2 seeds: 1.8e-4 (1 times), 3.2e-4 (1 times); 1 grid step apart; 60 to 80 steps."
    )
    assert [path.name for path in write_calibration({"pairs": [pair(0, 1e-4)]}, tmp_path)] == [
        "frontiers.json",
        "presets.json",
    ]


def test_a_record_without_choices_is_refused() -> None:
    with pytest.raises(BadInput, match="choices"):
        repeats_sentences({})


def test_what_is_said_of_ten_repetitions_is_the_records() -> None:
    record = json.loads(data_path("records", "calibration-repeats.json").read_text(encoding="utf-8"))
    words = data_path("records", "README.md").read_text(encoding="utf-8")
    assert f"```text\n{repeats_sentences(record)}\n```" in words
    assert {choice["seed"] for choice in record["choices"]} == set(range(10))
    kept = [choice["knowmem_retain"] for choice in record["choices"]]
    assert (f"{min(kept):.2f}", f"{max(kept):.2f}") == ("0.90", "1.00")
