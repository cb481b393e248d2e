"""TOFU's rows end to end: learned by heart, forgotten by each objective, held against a control."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from unlearnkit.cli import main
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.metrics.tofu import evaluate_tofu
from unlearnkit.objectives import catalogue
from unlearnkit.studies import named, tofu
from unlearnkit.studies.tofu_lab import CONTROL, TARGET, Models, Sizes, read_rows
from unlearnkit.studies.tofu_table import read_look, tofu_controls_table, tofu_objectives_table, tofu_sentence
from unlearnkit.testbeds.atlas.training import Recipe
from unlearnkit.testbeds.export import export_testbed
from unlearnkit.unlearning.checkpoints import Checkpoint

OBJECTIVES = [str(name) for name in catalogue()["name"]]
P, D, UTILITY = "tofu_forget_quality_p", "tofu_forget_quality_d", "tofu_model_utility_tofu"


# Mechanics, on a few rows of the atlas in TOFU's format; models learn next to nothing.


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    """A folder of TOFU's files that anybody may have: one author's worth of rows to forget."""
    place = tmp_path_factory.mktemp("rows") / "tofu"
    export_testbed(place, "tofu")
    for name in ("forget14", "forget14_perturbed"):
        lines = (place / f"{name}.json").read_text(encoding="utf-8").splitlines(keepends=True)
        few = [*lines[:4], *lines[-4:]]
        (place / f"{name.replace('14', '01')}.json").write_text("".join(few), encoding="utf-8")
        (place / f"{name}.json").unlink()
    return place


FEW = tofu.Settings(
    Sizes(kept=12, beside=2, scored=4, recipe=Recipe(steps=6)), looks=(1, 3), other_seeds=(1,)
)


@pytest.fixture(scope="module")
def cells(rows, tmp_path_factory):
    """The study's cells with few rows, their models trained."""
    made = tofu.tofu_cells(rows, tmp_path_factory.mktemp("study"), FEW)
    tofu.train_models(made, workers=1, progress=False)
    return made


def test_cells_are_the_controls_and_every_objective(cells):
    assert [cell.name for cell in cells] == [TARGET, CONTROL, f"{CONTROL}, seed 1", *OBJECTIVES]
    assert len({json.dumps(cell.describe()) for cell in cells}) == len(cells)


def test_where_files_lie_decides_nothing(cells, rows, tmp_path):
    elsewhere = tofu.tofu_cells(rows, tmp_path, FEW)
    assert [cell.describe() for cell in elsewhere] == [cell.describe() for cell in cells]


def test_target_and_control_differ_by_the_rows_to_forget_alone(cells):
    found = cells[0].models.rows
    assert (len(found.forget), len(found.kept)) == (8, 12)
    assert (len(found.real_authors), len(found.world_facts)) == (2, 2)
    known, never = found.learned(with_forget=True), found.learned(with_forget=False)
    assert set(known) - set(never) == set(found.forget)
    assert set(never) < set(known)
    assert all(len(row.wrong_answers) == 5 for row in (*found.forget, *found.kept))


def test_a_model_is_trained_once_and_the_same_to_the_bit(cells, rows, tmp_path, same_bits):
    again = Models(rows, tmp_path, FEW.sizes)
    place = again.train(CONTROL, 0)
    before = (place / "model.safetensors").stat().st_mtime_ns
    assert again.train(CONTROL, 0) == place
    assert (place / "model.safetensors").stat().st_mtime_ns == before
    assert same_bits(again.load(CONTROL, 0), cells[0].models.load(CONTROL, 0))
    assert not same_bits(again.load(CONTROL, 0), cells[0].models.load(CONTROL, 1))
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_a_testbed_keeps_by_all_kept_rows_and_asks_some(cells):
    lab = cells[0].models.testbed(0)
    assert (len(lab.kept), len(lab.retain)) == (12, 4)
    assert set(lab.retain.rows) < set(lab.kept.rows)
    assert lab.forget.rows == lab.forget_shown.rows + lab.forget_heldout.rows
    assert set(lab.extra) == {"real_authors", "world_facts"}


def test_an_objective_is_seen_at_each_look(cells):
    (cell,) = [cell for cell in cells if cell.name == "npo"]
    row = tofu.work(cell)["row"]
    assert [point["steps"] for point in row["points"]] == [1, 3]
    assert row["lr"] == 3.2e-4
    distances = [point["distance_l2"] for point in row["points"]]
    assert 0 < distances[0] < distances[1]
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_a_run_that_diverged_is_told_without_scores(cells, monkeypatch):
    (cell,) = [cell for cell in cells if cell.name == "grad_ascent"]
    monkeypatch.setattr(Checkpoint, "diverged", True)
    points = tofu.work(cell)["row"]["points"]
    assert [point["diverged"] for point in points] == [True, True]
    assert not any("scores" in point for point in points)


def test_the_control_is_held_against_itself(cells):
    scores = tofu.work(cells[1])["control"]["scores"]
    assert (scores[P], scores[D]) == (1.0, 0.0)


def test_the_study_goes_on_where_it_stopped(cells, rows, monkeypatch):
    folder = cells[0].models.place.parent
    some = [cells[1], cells[4]]
    study = replace(named.STUDIES["tofu"], cells=lambda data, folder: some)
    monkeypatch.setitem(named.STUDIES, "tofu", study)
    place = named.run_study("tofu", folder, data=rows, workers=1, progress=False)
    first = place.read_bytes()
    content = json.loads(first)
    assert [len(content[part]) for part in ("rows", "controls")] == [1, 1]
    monkeypatch.setitem(named.STUDIES, "tofu", replace(study, work=_refuse))
    kept = [path.name for path in (folder / "cells").iterdir()]
    assert len(kept) == 2
    monkeypatch.setattr(tofu, "work", _refuse)
    assert named.run_study("tofu", folder, data=rows, workers=1, progress=False).read_bytes() == first


def _refuse(cell):
    raise AssertionError(f"{cell.name} was done before")


# What is refused


def test_rows_must_be_given(tmp_path, capsys):
    assert main(["study", "tofu", "--out", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--data DIR" in said
    assert not (tmp_path / "new").exists()


def test_other_studies_take_no_rows(tmp_path, capsys):
    assert main(["study", "depth", "--data", str(tmp_path), "--out", str(tmp_path / "new")]) == 2
    assert "leave --data out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "gone", ["forget01.json", "forget01_perturbed.json", "retain_perturbed.json", "world_facts.json"]
)
def test_a_part_that_is_missing_is_named(gone, rows, tmp_path):
    for path in rows.iterdir():
        if path.name != gone and not (gone == "world_facts.json" and path.name.startswith("world_facts")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(
        (BadInput, MissingReference), match=gone.removesuffix(".json").removesuffix("_perturbed")
    ):
        tofu.tofu_cells(tmp_path, tmp_path / "new", FEW)
    assert not (tmp_path / "new").exists()


# How a record is read


def _point(steps: int, p: float, utility: float) -> dict:
    scores = {P: p, D: 0.2, UTILITY: utility, "tofu_forget_rouge_l_recall": 0.1, "tofu_forget_quality_n": 40}
    scores |= {"tofu_model_utility_open_unlearning": utility, "tofu_forget_probability": 0.5}
    return {"steps": steps, "diverged": False, "scores": scores}


def test_the_look_that_is_read_keeps_enough_and_is_the_earliest_of_the_best():
    points = [_point(10, 1e-5, 0.9), _point(20, 0.04, 0.8), _point(40, 0.04, 0.8), _point(80, 0.9, 0.4)]
    assert read_look(points, 0.72)["steps"] == 20
    assert read_look(points, 0.3)["steps"] == 80
    assert read_look(points, 0.95) is None
    assert read_look([{"steps": 1, "diverged": True}], 0.0) is None


def test_tables_and_sentence_say_what_the_numbers_say():
    controls = [
        {"name": name, "scores": _point(0, p, 0.9)["scores"]}
        for name, p in ((TARGET, 1e-7), (CONTROL, 1.0), (f"{CONTROL}, seed 1", 0.3))
    ]
    rows = [
        {"objective": "npo", "points": [_point(10, 0.06, 0.8), _point(20, 0.9, 0.1)]},
        {"objective": "rmu", "points": [_point(10, 0.2, 0.1), {"steps": 20, "diverged": True}]},
    ]
    study = {"rows": rows, "controls": controls}
    lines = tofu_objectives_table(study).splitlines()
    assert lines[2] == "| npo | 10 | 0.060 | 0.200 | 0.800 | 0.100 | 0.900 | 0.200 | 0.100 | 0.100 |"
    assert lines[3] == "| rmu | none |  |  |  |  | diverged |  |  |  |"
    assert "| target | 1.0e-07 | 0.200 | 0.900 | 0.900 | 0.100 | 0.500 |" in tofu_controls_table(study)
    said = tofu_sentence(study)
    assert "Of 2 objectives, 1 have a look that keeps 0.8" in said
    assert "1 of these pass TOFU's test there (p above 0.05, 40 rows): npo." in said
    with pytest.raises(BadInput, match="no control 'target'"):
        tofu_sentence({"rows": rows, "controls": []})


# The real rows, at a smaller size; acceptance


@pytest.mark.slow
def test_real_rows_are_learned_by_heart_and_each_objective_is_held_against_the_control(
    reference_data, tmp_path
):
    sizes = Sizes(kept=16, beside=2, scored=8, recipe=Recipe(steps=400))
    settings = tofu.Settings(sizes, looks=(3,), other_seeds=())
    cells = tofu.tofu_cells(reference_data("tofu"), tmp_path, settings)
    tofu.train_models(cells, workers=1, progress=False)
    target, control = (tofu.work(cell)["control"]["scores"] for cell in cells[:2])
    assert target["tofu_forget_rouge_l_recall"] >= 0.9
    assert target["tofu_retain_rouge_l_recall"] >= 0.9
    assert control["tofu_forget_rouge_l_recall"] < 0.5
    assert control["tofu_retain_rouge_l_recall"] >= 0.9
    assert (control[P], control[D]) == (1.0, 0.0)
    assert target[P] < 1e-3
    lab = cells[0].models.testbed(0)
    known = evaluate_tofu(lab.model, lab, rows=40).parts["forget_probability"]
    short = replace(settings, answer_tokens=8)  # what is generated is not looked at any more
    for cell in cells[2:]:
        row = tofu.work(replace(cell, settings=short))["row"]
        (point,) = row["points"]
        assert not point["diverged"], cell.name
        assert 0 < point["scores"][P] < 1
        assert point["scores"]["tofu_forget_quality_n"] == 40
        assert point["scores"]["tofu_forget_probability"] < known, cell.name


def test_the_rows_of_the_study_are_the_first_kept_ones_with_wrong_answers(reference_data):
    found = read_rows(reference_data("tofu"), Sizes())
    assert (len(found.forget), len(found.kept)) == (40, 160)
    lines = (reference_data("tofu") / "retain_perturbed.json").read_text(encoding="utf-8").splitlines()
    first = [json.loads(line) for line in lines[:160]]
    assert [row.question for row in found.kept] == [row["question"] for row in first]
    assert [list(row.wrong_answers) for row in found.kept] == [row["perturbed_answer"] for row in first]
    assert [row.paraphrased_answer for row in found.kept] == [row["paraphrased_answer"] for row in first]
