"""Lesson 03: reports are judged, guesses come first, its rules are PyHessian's, its record may be missing."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

import unlearnkit as uk
from unlearnkit.resources import data_path, notebooks_path
from unlearnkit.studies.flatness_table import flatness_frame

RIGHT = {"A": "directions", "B": "stopping", "C": "depth", "D": "fair", "E": "data", "F": "control"}


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("03-flatness.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


def run_cells(cells, *ids, **names):
    """The names that some cells define, on what the setup cell imports."""
    names = {"copy": copy, "json": json, "np": np, "pd": pd, "torch": torch, "uk": uk} | names
    for name in ids:
        exec(cells[name], names)
    return names


def function(cells, cell, wanted):
    """One function of a cell that does more."""
    (source,) = re.findall(rf"^def {wanted}\(.*?(?=^\S)", cells[cell], flags=re.DOTALL | re.MULTILINE)
    names = {"copy": copy, "np": np, "torch": torch}
    exec(source, names)
    return names[wanted]


# Exercise 4: what is wrong here?


@pytest.fixture
def told(cells, capsys):
    """What the check says to verdicts."""
    names = run_cells(cells, "exercise-reports", "check-reports")

    def say(verdicts):
        capsys.readouterr()
        names["check_reports"](verdicts)
        return capsys.readouterr().out

    say.unanswered = names["verdicts"]
    return say


def test_the_reports_may_stay_unjudged(told):
    assert told(told.unanswered) == "Not answered yet: all verdicts are None.\n"


def test_the_hidden_verdicts_pass(cells, told):
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", cells["exercise-reports-text"], flags=re.DOTALL)[-1], names)
    assert told(names["verdicts"]) == "Right, all six.\n"
    assert told({name: f" {word.upper()} " for name, word in RIGHT.items()}) == "Right, all six.\n"


@pytest.mark.parametrize(
    ("name", "word", "said"),
    [
        ("A", "fair", "A: not fair. Look again: one length"),
        ("A", "depth", "A: 'depth' is not its fault. Look again: one length"),
        ("B", "data", "who decided how many samples"),
        ("B", "fair", "B: not fair."),
        ("C", "directions", "Curvature grows with the loss"),
        ("C", "fair", "C: not fair."),
        ("D", "control", "D: 'control' is not its fault"),
        ("E", "depth", "Two functions have two Hessians"),
        ("F", "fair", "on any other way of that length"),
        ("F", None, "F: not answered yet."),
        ("F", "barrier", "'barrier' is none of the words control, data"),
        ("F", 3, "3 is none of the words"),
    ],
)
def test_a_wrong_verdict_is_told_where_to_look_again(told, name, word, said):
    answer = told(RIGHT | {name: word})
    assert said in answer
    assert answer.endswith("5 of 6 are right.\n")
    assert len(answer.splitlines()) == 2  # nothing is said of the others


def test_the_check_does_not_give_the_word_away(told):
    said = told(dict.fromkeys(RIGHT, "fair"))
    assert "1 of 6" in said
    assert not [word for word in set(RIGHT.values()) - {"fair", "data", "depth"} if f"'{word}'" in said]


def test_every_word_is_one_reports(told):
    assert sorted(RIGHT.values()) == sorted(set(RIGHT.values()))
    for wrong in (None, [], {"A": "fair"}):
        assert "one word for each of the reports A, B, C, D, E, F" in told(wrong)


# What the cells show is what they say


@pytest.mark.parametrize("sign", [1, -1])
def test_the_stopping_rule_is_the_one_that_was_released(cells, monkeypatch, sign):
    import pyhessian

    module = sys.modules["pyhessian.hessian"]
    rule = function(cells, "trace", "stops_after")
    for seed in range(40):
        samples = sign * (6.0 + np.random.default_rng(seed).normal(size=30))
        given = iter(samples.tolist())
        monkeypatch.setattr(module, "hessian_vector_product", lambda *_: None)
        monkeypatch.setattr(module, "group_product", lambda *_, given=given: torch.tensor(next(given)))
        library = object.__new__(pyhessian.hessian)
        library.model, library.params = torch.nn.Linear(1, 1), [torch.zeros(1)]
        library.device, library.full_dataset, library.gradsH = "cpu", False, None
        taken = len(library.trace(maxIter=30, tol=1e-3))
        assert rule(samples) == taken
        assert sign > 0 or taken == 2


def test_second_differences_are_those_of_a_parabola_with_a_slope(cells):
    rule = function(cells, "walk-twin", "second_difference")
    assert rule([2 - 0.3 + 0.5 * 7 * 0.01, 2, 2 + 0.3 + 0.5 * 7 * 0.01], 0.1) == pytest.approx(7)


@pytest.mark.parametrize("factors", [(16.0,) * 4, (16.0, 1 / 16) * 2])
def test_a_rescaled_model_is_the_same_to_the_bit_and_its_weights_are_not(cells, lab, factors):
    scaled = function(cells, "rescale", "rescaled")(lab.model, factors)
    loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=6))
    with torch.no_grad():
        assert float(loss()) == float(loss.with_model(scaled)())
    name = "model.layers.0.self_attn.v_proj.weight"
    before, after = lab.model.get_parameter(name), scaled.get_parameter(name)
    assert torch.equal(after[:32], 16 * before[:32])
    assert torch.equal(after[32:64], factors[1] * before[32:64])


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (None, "Measured: 16. You wrote no guess"),
        (10, "You guessed 10. Measured: 16. Your guess was within a factor of 2."),
        (160000, "You guessed 160,000. Measured: 16. Your guess was too high by a factor of 1e+04."),
        (1, "too low by a factor of 16"),
        (0, "a number above 0"),
        ("many", "a number above 0"),
        (True, "a number above 0"),
    ],
)
def test_a_guess_is_compared(cells, capsys, guess, words):
    run_cells(cells, "compare-guess")["compare_guess"](guess, 16, ",.0f")
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("predict-ratio", "guess_ratio"),
        ("predict-error", "guess_error"),
        ("predict-stop", "guess_stop"),
        ("predict-spectrum", "guess_outliers"),
        ("predict-barrier", "guess_barrier"),
        ("predict-rescale", "guess_rescale"),
    ],
)
def test_a_guess_stands_before_its_answer_and_may_be_left_out(cells, name, guess):
    assert run_cells(cells, name)[guess] is None
    order = list(cells)
    (revealed,) = [cell for cell in order if re.search(rf"compare_guess\(\s*{guess},", cells[cell])]
    assert order.index(name) + 1 == order.index(revealed)
    assert "Six times you are asked for a guess **before**" in cells["title"]


# The record


def measures(trace):
    found = {"value": trace / 10, "interval": (trace / 10 - 0.1, trace / 10 + 0.1)}
    way = {"barrier": 0.1, "control_barrier": 0.2}
    one = {
        "loss": 2.5, "trace": {"estimate": trace, "interval": (trace - 2, trace + 2)},
        "top": {"values": [trace / 5], "residuals": [0.01]},
        "lowest": {"values": [-1.0], "residuals": [0.02]},
        "average": found, "adaptive": found, "sam": {"value": 0.3}, "worst": {"value": 0.4},
        "to_target": way, "to_adam": way,
    }  # fmt: skip
    return {"forget": one, "retain": one}


def made_up(name, fold, trace, back):
    return {
        "task": "topic", "fold": fold, "optimizer": name, "status": "forgotten",
        "cost": {"distance_l2": 4.0 + fold}, "scores": {"nll_forget": 4.0}, "measures": measures(trace),
        "attacks": [{"scores": {"knowmem_forget_heldout": 0.1 + back}, "outcome": "recovered"}],
    }  # fmt: skip


@pytest.fixture
def record():
    """Three folds in which signAdam's trace is 20 below Adam's, more or less."""
    rows = [made_up("adam", fold, 40.0 + fold, 0.3) for fold in (1, 2, 3)]
    rows += [made_up("signadam", fold, 20.0 + 1.1 * fold, 0.2) for fold in (1, 2, 3)]
    controls = [made_up("adam", fold, 8.0, 0.0) | {"control": "never_learned"} for fold in (1, 2, 3)]
    return {"attack": "relearn-100", "questions": ["Is it flatter?"], "rows": rows, "controls": controls}


RECORD = (
    "predict-record",
    "record",
    "record-contrasts",
    "record-correlations",
    "record-figure",
    "record-twin",
)


def read(cells, folder, **names):
    assert data_path("records").is_dir()  # a missing file is asked for nowhere: that would raise
    given = {"data_path": lambda name: folder, "flatness_frame": flatness_frame, "THEME": "light"}
    return run_cells(cells, *RECORD, **given, **names)


def test_the_record_is_read_and_told(cells, record, tmp_path: Path, capsys):
    path = tmp_path / "flatness.json"
    path.write_text(json.dumps(record))
    names = read(cells, tmp_path)
    said = capsys.readouterr().out
    assert "Is it flatter?" in said
    assert "signAdam against Adam, topic task: flatter. You wrote nothing." in said
    assert "relearn-100 brings back" in said
    assert names["contrasts"].loc[("topic", "signadam"), ("forget", "trace")].startswith("flatter: -19.8 [")
    assert re.search(r"^signadam( +\+0\.20){3}$", said, flags=re.MULTILINE)  # what came back, by fold
    assert {trace.name for trace in names["figure"].data} == {"adam", "signadam", "never_learned"}


def test_without_a_record_the_lesson_says_how_to_make_one(cells, tmp_path, capsys):
    names = read(cells, tmp_path)
    assert capsys.readouterr().out == "There is no record here. To make one: unlearnkit study flatness\n"
    assert names["figure"] is None


def test_the_claim_that_is_shown_is_in_the_ledger(cells, capsys):
    run_cells(cells, "claim")
    said = capsys.readouterr().out
    assert all(word in said for word in ("CLAIM ", "MEASURE ", "EFFECTS ", "VERDICT ", "CHANGE "))


def test_no_result_stands_in_the_text(cells):
    # Models may be made again elsewhere, records too: a measured number in prose would grow stale.
    allowed = {"0.1"}
    prose = " ".join(text for name, text in cells.items() if name.endswith(("-text", "-why", "title")))
    prose = re.sub(r"\d{4}\.\d{5}", "", prose)  # papers
    assert set(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?!\w)", prose)) <= allowed
