"""The study of step sizes: counts, means and paired differences, all by hand."""

from __future__ import annotations

import json
import math

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.studies.step_size import step_size_answer
from unlearnkit.studies.step_size_table import step_size_table

ATTACK = "relearn-100"
# Half of a 95 % interval around the mean of two values that lie d apart: t(1) · (d / √2) / √2.
T1 = 12.7062047


def run(optimizer, lr, fold, retain, heldout, **more):
    return {"optimizer": optimizer, "lr": lr, "fold": fold, "retain": retain, "heldout": heldout, **more}


@pytest.fixture(autouse=True)
def folds(monkeypatch):
    planned = {"entities": (1, 2, 3, 4), "topic": (1, 2, 3)}
    monkeypatch.setattr("unlearnkit.studies.step_size_table.STEP_SIZE_FOLDS", planned)


@pytest.fixture
def study(study_of):
    """Three folds; on the third Adam's smallest rate never reached the depth."""
    return study_of(
        run("adam", 1e-4, 1, 0.98, 0.80), run("adam", 1e-4, 2, 0.96, 0.60),
        run("adam", 1e-3, 1, 0.80, 0.20, outcome="survived"),
        run("adam", 1e-3, 2, 0.84, 0.10, outcome="survived"),
        run("adam", 1e-3, 3, 0.70, 0.00, outcome="destroyed", depth=1.3),
        run("signadam", 3.2e-5, 1, 0.94, 0.50), run("signadam", 3.2e-5, 2, 0.90, 0.50),
        run("signadam", 3.2e-5, 3, 0.92, 0.50),
        run("signadam", 3.2e-4, 1, 0.86, 0.30), run("signadam", 3.2e-4, 2, 0.88, 0.20),
        run("signadam", 3.2e-4, 3, 0.90, 0.10),
    )  # fmt: skip


# The table


def test_the_table_counts_what_happened(study):
    table = step_size_table(study, ATTACK, rates={"adam": (1e-4, 1e-3), "signadam": (3.2e-5, 3.2e-4)})
    assert table[["optimizer", "lr", "n_folds", "not_reached"]].to_numpy().tolist() == [
        ["adam", 1e-4, 2, 1], ["adam", 1e-3, 3, 0], ["signadam", 3.2e-5, 3, 0], ["signadam", 3.2e-4, 3, 0],
    ]  # fmt: skip
    assert table.survived.tolist() == [0, 2, 0, 0]
    assert table.destroyed.tolist() == [0, 1, 0, 0]
    assert table.recovered.tolist() == [2, 0, 3, 3]


def test_the_table_averages_over_folds(study):
    row = step_size_table(study, ATTACK).iloc[0]
    assert (row.lr, row.retain, row.heldout) == (1e-4, pytest.approx(0.97), pytest.approx(0.7))
    assert row.retain_low == pytest.approx(0.97 - T1 * 0.01, abs=1e-6)
    assert row.heldout_high == pytest.approx(0.7 + T1 * 0.1, abs=1e-6)
    assert (row.shown, row.depth, row.distance_l2, row.steps) == (pytest.approx(0.6), 1.0, 3.0, 40.0)


def test_a_rate_that_never_reached_the_depth_is_listed(study):
    table = step_size_table(study, ATTACK, rates={"adam": (5e-5,)})
    row = table[table.lr == 5e-5].iloc[0]
    assert (row.n_folds, row.not_reached) == (0, 3)
    assert math.isnan(row.retain)


def test_a_task_that_no_run_reached_is_listed(study_of):
    study = study_of(run("adam", 1e-4, 1, 0.9, 0.5), places=[("entities", 1)])
    table = step_size_table(study, ATTACK, rates={"adam": (1e-4,)})
    assert table[["task", "n_folds", "not_reached"]].to_numpy().tolist() == [
        ["entities", 0, 4],
        ["topic", 1, 2],
    ]


def test_seeds_of_a_fold_count_once(study_of):
    runs = [
        run("adam", 1e-4, 1, 0.9, 0.2),
        run("adam", 1e-4, 1, 0.9, 0.4, seed=1),
        run("adam", 1e-4, 2, 0.9, 0.5),
    ]
    row = step_size_table(study_of(*runs), ATTACK, rates={}).iloc[0]
    assert (row.n_folds, row.heldout) == (2, pytest.approx(0.4))


# The answer


def test_best_retention_takes_each_optimizers_best_rate(study):
    found = step_size_answer(study, ATTACK).of("topic", "best retention")
    assert found.what == "signadam at 3.2e-5 - adam at 1e-4"
    assert found.folds == (1, 2)  # the third has no run of Adam at that rate
    # -0.3 and -0.1
    assert found.heldout.mean == pytest.approx(-0.2)
    assert (found.heldout.low, found.heldout.high) == pytest.approx((-0.2 - T1 * 0.1, -0.2 + T1 * 0.1))
    assert found.retain.mean == pytest.approx((-0.04 - 0.06) / 2)


def test_what_retains_alike_to_two_decimals_is_decided_by_the_larger_rate(study_of):
    study = study_of(
        run("adam", 1e-4, 1, 0.952, 0.5), run("adam", 3e-4, 1, 0.948, 0.5), run("signadam", 1e-4, 1, 0.9, 0.5)
    )
    assert "adam at 3e-4" in step_size_answer(study, ATTACK).of("topic", "best retention").what


def test_a_calibrated_rate_is_taken_as_given(study):
    given = {"topic": {"adam": 1e-3, "signadam": 3.2e-4}}
    found = step_size_answer(study, ATTACK, calibrated=given).of("topic", "best retention")
    assert found.folds == (1, 2, 3)
    assert found.heldout.mean == pytest.approx((0.1 + 0.1 + 0.1) / 3)


def test_a_calibrated_rate_that_was_not_run_is_refused(study):
    with pytest.raises(
        BadInput, match=r"^calibrated: adam was not run at 5e-4 on task topic; it was at 1e-4, 1e-3"
    ):
        step_size_answer(study, ATTACK, calibrated={"topic": {"adam": 5e-4}})


def test_matched_retention_reads_both_at_the_highest_that_both_reach(study):
    found = step_size_answer(study, ATTACK).of("topic", "matched retention")
    # Fold 1 at 0.94: Adam lies 14/18 of the way from 0.2 to 0.8, signAdam is at 0.5.
    # Fold 2 at 0.90: Adam lies half of the way from 0.1 to 0.6, signAdam is at 0.5.
    # Fold 3: Adam reaches 0.70 at most, signAdam retains more everywhere: left out.
    assert found.folds == (1, 2)
    first, second = 0.5 - (0.2 + 14 / 18 * 0.6), 0.5 - 0.35
    assert found.heldout.mean == pytest.approx((first + second) / 2)
    assert found.heldout.high - found.heldout.mean == pytest.approx(T1 * abs(first - second) / 2)
    assert found.retain.mean == 0.0


def test_matched_retention_takes_the_mean_of_runs_that_retain_alike(study_of):
    study = study_of(
        run("adam", 1e-4, 1, 0.9, 0.8), run("adam", 3e-4, 1, 0.9, 0.4), run("signadam", 1e-4, 1, 0.9, 0.5)
    )
    assert step_size_answer(study, ATTACK).of("topic", "matched retention").heldout.mean == pytest.approx(
        -0.1
    )


def test_the_learning_rates_effect_is_largest_less_smallest(study):
    answer = step_size_answer(study, ATTACK)
    adam = answer.of("topic", "largest - smallest lr, adam")
    assert (adam.what, adam.folds) == ("adam at 1e-3 - at 1e-4", (1, 2))
    assert adam.heldout.mean == pytest.approx((-0.6 - 0.5) / 2)
    assert adam.retain.mean == pytest.approx((-0.18 - 0.12) / 2)
    sign = answer.of("topic", "largest - smallest lr, signadam")
    assert sign.folds == (1, 2, 3)
    assert sign.heldout.mean == pytest.approx(-0.3)
    # -0.2, -0.3, -0.4: standard deviation 0.1, t(2) = 4.3027
    assert sign.heldout.low == pytest.approx(-0.3 - 4.302653 * 0.1 / math.sqrt(3))
    assert sign.heldout.excludes(0.0)


def test_depths_that_do_not_match_are_seen(study_of):
    study = study_of(
        *(run("adam", 1e-4, fold, 0.9, 0.5, depth=1.0) for fold in (1, 2, 3)),
        *(run("signadam", 1e-4, fold, 0.9, 0.5, depth=1.2 + fold / 100) for fold in (1, 2, 3)),
    )
    found = step_size_answer(study, ATTACK).of("topic", "best retention")
    assert found.depth.mean == pytest.approx(0.22)
    assert found.depth.excludes(0.0)


def test_a_rate_seen_in_few_folds_is_not_compared(study_of):
    study = study_of(
        run("adam", 3e-5, 1, 0.99, 0.9),
        *(run("adam", lr, fold, 0.9, 0.5) for lr in (1e-4, 1e-3) for fold in (1, 2, 3)),
        run("signadam", 1e-4, 1, 0.9, 0.5),
    )
    answer = step_size_answer(study, ATTACK)
    assert answer.of("topic", "largest - smallest lr, adam").what == "adam at 1e-3 - at 1e-4"
    assert answer.of("topic", "best retention").what == "signadam at 1e-4 - adam at 1e-3"


def test_an_optimizer_without_runs_leaves_nothing_to_compare(study_of):
    answer = step_size_answer(study_of(run("adam", 1e-4, 1, 0.9, 0.5)), ATTACK)
    assert [contrast.heldout.n for contrast in answer.contrasts] == [0, 0, 0, 0]
    assert answer.contrasts[0].what == "signadam - adam: no fold has both"
    with pytest.raises(BadInput, match=r"^study: neither adam nor signadam"):
        step_size_answer(study_of(run("sgd", 1e-4, 1, 0.9, 0.5)), ATTACK)


def test_an_answer_is_ready_for_json_and_for_a_table(study):
    answer = step_size_answer(study, ATTACK)
    plain = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert len(plain["contrasts"]) == 4
    assert plain["contrasts"][0]["heldout"]["n"] == 2
    assert answer.to_frame()["n folds"].tolist() == [2, 2, 2, 3]
    assert "matched retention" in answer._repr_html_()


def test_a_reading_that_is_not_there_is_named(study):
    with pytest.raises(
        BadInput, match=r'^reading: there is no "best" of task "topic"; there are topic: best ret'
    ):
        step_size_answer(study, ATTACK).of("topic", "best")
