"""The study of flatness, read: frame, table, differences from Adam, and what goes along with survival."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from unlearnkit.errors import BadInput
from unlearnkit.studies.flatness_answer import flatness_answer
from unlearnkit.studies.flatness_table import MEASURES, flatness_frame, flatness_table
from unlearnkit.studies.rank_correlation import partial

T2 = 4.30265273  # Student's 97.5 % quantile at 2 degrees of freedom
TRACES = {"adam": (-40.0, -44.0, -48.0), "signadam": (-20.0, -26.0, -26.0), "sgd": (50.0, 60.0, 70.0)}
BACK = {"adam": (0.1, 0.9, 0.5), "signadam": (0.05, 0.8, 0.4), "sgd": (0.2, 0.95, 0.6)}


def runs():
    return [
        {"name": name, "fold": fold, "trace": (TRACES[name][fold - 1], 4.0 + fold), "heldout": back}
        for name, found in BACK.items()
        for fold, back in enumerate(found, start=1)
    ]


@pytest.fixture
def record(flat_study_of):
    return flat_study_of(*runs())


@pytest.fixture(scope="module")
def answer(flat_study_of):
    return flatness_answer(flat_study_of(*runs()))


# The frame


def test_every_model_has_every_measure_of_both_losses(record):
    frame = flatness_frame(record)
    assert len(frame) == (9 * 2 * len(MEASURES) - 3 * 2) + 3 * 2 * len(MEASURES)  # Adam to itself is left out
    assert set(frame.measure) == set(MEASURES)
    assert set(frame[frame.control].name) == {"never_learned"}


def test_a_row_holds_what_was_measured(record):
    frame = flatness_frame(record)
    one = frame[(frame.name == "signadam") & (frame.fold == 2) & (frame.loss == "forget")].set_index(
        "measure"
    )
    assert (one.value["trace"], one.low["trace"], one.high["trace"]) == (-26.0, -28.0, -24.0)
    assert one.value["eigenvalue 5"] == pytest.approx(-26 / 25)
    assert one.high["eigenvalue 5"] == pytest.approx(-26 / 25 + 0.05)
    assert one.value["lowest"] == pytest.approx(-5.2)
    assert math.isnan(one.low["worst"])
    assert (one.value["to_adam"], one.beside["to_adam"]) == (pytest.approx(1.3), pytest.approx(26 / 80))
    assert one.recovery["trace"] == pytest.approx(0.8)  # less never_learned's 0.1 after the same attack
    assert (one.depth["trace"], one.distance_l2["trace"], one.level["trace"]) == (1.0, 4.0, 2.5)


def test_a_run_that_diverged_has_no_measures(record):
    record["rows"][0] |= {"status": "diverged", "measures": None}
    frame = flatness_frame(record)
    assert len(frame[(frame.name == "adam") & (frame.fold == 1)]) == 0


def test_plants_are_not_in_the_frame(record):
    record["controls"].append({"control": "plant-hidden", "task": "topic", "fold": 1})
    assert "plant-hidden" not in set(flatness_frame(record).name)


def test_a_fold_without_its_control_is_refused(record):
    record["controls"].pop()
    with pytest.raises(BadInput, match=r"^record: no control is never_learned of topic, fold 3"):
        flatness_frame(record)


# The table


def test_the_table_has_a_line_an_optimizer_and_the_controls_last(record):
    lines = flatness_table(record, task="topic", loss="forget", measures=["trace", "to_adam"]).splitlines()
    assert lines[0] == "| model | status | distance | trace | barrier to Adam's | comes back |"
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| adam",
        "| signadam",
        "| sgd",
        "| never_learned",
    ]
    assert lines[2] == ("| adam | 3 forgotten | 4 | -44 [-53.94, -34.06] |  | +0.50 [-0.49, +1.49] |")
    assert "| 1.2 [0.7697, 1.63] (0.3) |" in lines[3]


def test_a_table_of_what_is_not_there_is_refused(record):
    with pytest.raises(BadInput, match=r'^task: the record has nothing of "entities"; it has topic$'):
        flatness_table(record, task="entities", loss="forget")
    with pytest.raises(BadInput, match=r'^loss: the record has nothing of "both"; it has forget, retain$'):
        flatness_table(record, task="topic", loss="both")


# Is it flatter than Adam's?


def test_flatter_is_a_smaller_modulus_paired_by_fold(answer):
    found = answer.contrast(task="topic", loss="forget", optimizer="signadam")
    differences = np.array([20 - 40, 26 - 44, 26 - 48])
    reach = T2 * differences.std(ddof=1) / 3**0.5
    assert (found.folds, found.modulus.n, found.verdict) == ((1, 2, 3), 3, "flatter")
    assert found.modulus.mean == pytest.approx(-20)
    assert found.modulus.high == pytest.approx(-20 + reach)
    assert found.grade == "first order, sign"


def test_a_positive_trace_is_held_against_a_negative_one_by_size(answer):
    found = answer.contrast(task="topic", loss="forget", optimizer="sgd")
    assert found.modulus.mean == pytest.approx(np.mean([10, 16, 22]))  # not 94, 104, 118
    assert found.verdict == "sharper"


def test_equal_moduli_are_undecided(answer):
    found = answer.contrast(task="topic", loss="retain", optimizer="sgd")
    assert (found.modulus.mean, found.verdict) == (0.0, "undecided")


def test_only_folds_of_equal_status_are_compared(flat_study_of):
    rows = runs()
    rows[4] |= {"status": "over-forgotten", "distance": 9.0}  # signadam, fold 2
    rows[3] |= {"distance": 6.0}
    found = flatness_answer(flat_study_of(*rows)).contrast(task="topic", loss="forget", optimizer="signadam")
    assert found.folds == (1, 3)
    assert found.unequal == {2: "over-forgotten against forgotten"}
    assert found.modulus.mean == pytest.approx(-21)
    assert found.distance.mean == pytest.approx(1)
    for row in rows[3:6]:
        row["status"] = "destroyed"
    none = flatness_answer(flat_study_of(*rows)).contrast(task="topic", loss="forget", optimizer="signadam")
    assert (none.verdict, none.modulus.n) == ("not compared", 0)


# Does it go along with survival?


def test_correlations_are_within_folds_and_of_runs_that_forgot(flat_study_of):
    # recovery rises with |trace| within each fold, though folds lie apart; the destroyed run would spoil it
    wrecked = {"name": "adazo", "trace": (900.0, 900.0), "heldout": -0.1, "status": "destroyed"}
    rows = [*runs(), wrecked]
    found = {(c.loss, c.measure): c for c in flatness_answer(flat_study_of(*rows)).correlations}
    trace = found["forget", "trace"]
    assert (trace.recovery.rho, trace.recovery.n) == (pytest.approx(1.0), 9)
    assert math.isnan(found["retain", "trace"].recovery.rho)  # the same for all within a fold
    assert math.isnan(found["", "distance"].recovery.rho)
    assert {key for key in found if not key[0]} == {("", "distance"), ("", "depth")}


def test_distance_is_taken_out(flat_study_of):
    rows = runs()
    for place, row in enumerate(rows):
        row["distance"] = (3.0, 5.0, 2.0, 6.0, 1.0, 4.0, 9.0, 8.0, 7.0)[place]
    found = {(c.loss, c.measure): c for c in flatness_answer(flat_study_of(*rows)).correlations}
    one, other = found["forget", "average"], found["", "distance"]
    expected = partial(one.recovery.rho, one.distance, other.recovery.rho)
    assert one.beyond_distance == pytest.approx(expected, nan_ok=True)
    assert other.distance == pytest.approx(1.0)


def test_the_answer_is_plain_json_and_a_table(answer):
    text = json.dumps(answer.to_dict(), allow_nan=False)
    assert json.loads(text)["contrasts"][0]["verdict"] in ("flatter", "sharper", "undecided")
    assert list(answer.to_frame().columns)[:4] == ["task", "loss", "measure", "optimizer"]
    assert "<table" in answer._repr_html_()


def test_without_adam_there_is_nothing_to_compare(flat_study_of):
    with pytest.raises(BadInput, match=r"^record: no run is Adam's"):
        flatness_answer(flat_study_of({"name": "sgd"}))
    with pytest.raises(
        BadInput, match=r"^optimizer: no difference from Adam is known of topic, forget, muon, trace"
    ):
        flatness_answer(flat_study_of({})).contrast(task="topic", loss="forget", optimizer="muon")
