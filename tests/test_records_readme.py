"""What data/records says of flatness and of smoothing is what the records there hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unlearnkit.reports import (
    flatness_answer,
    flatness_answer_sentence,
    flatness_table,
    smoothing_answer,
    smoothing_answer_sentence,
    smoothing_table,
    sweep_table,
)
from unlearnkit.resources import data_path
from unlearnkit.studies import flatness, smoothing
from unlearnkit.studies.named import STUDIES

RECORDS = data_path("records", "README.md").read_text(encoding="utf-8")
FLAT_MEASURES = ("trace", "eigenvalue 1", "lowest", "average", "adaptive", "to_target", "to_adam")


@pytest.mark.parametrize("task", ["entities", "topic"])
@pytest.mark.parametrize("loss", ["forget", "retain"])
def test_the_tables_of_flatness_are_the_records(task: str, loss: str) -> None:
    assert flatness_table(_record("flatness"), task=task, loss=loss, measures=FLAT_MEASURES) in RECORDS


@pytest.mark.parametrize(
    ("where", "sigma"),
    [("all weights", 0.01), ("all weights", 0.03), ("attack subspace", 0.3), ("attack subspace", 0.8)],
)
def test_the_tables_of_certificates_are_the_records(where: str, sigma: float) -> None:
    assert smoothing_table(_record("smoothing"), task="topic", where=where, sigma=sigma) in RECORDS


def test_the_sweeps_and_the_answers_are_the_records() -> None:
    flat, smooth = _record("flatness"), _record("smoothing")
    assert sweep_table(smooth, task="topic") in RECORDS
    assert f"```text\n{flatness_answer_sentence(flatness_answer(flat))}\n```" in RECORDS
    assert f"```text\n{smoothing_answer_sentence(smoothing_answer(smooth))}\n```" in RECORDS


@pytest.mark.parametrize(("name", "cells"), [("flatness", 66), ("smoothing", 27)])
def test_a_record_has_every_cell_of_its_study(name: str, cells: int) -> None:
    record = _record(name)
    assert len(record["rows"]) + len(record["controls"]) == len(STUDIES[name].cells()) == cells


@pytest.mark.parametrize(("name", "study"), [("flatness", flatness), ("smoothing", smoothing)])
def test_a_record_was_made_with_the_settings_of_its_study(name: str, study: Any) -> None:
    decided = json.loads(json.dumps(study.decided()))
    assert {part: _record(name)[part] for part in decided} == decided


def _record(name: str) -> Any:
    return json.loads(data_path("records", f"{name}.json").read_text(encoding="utf-8"))
