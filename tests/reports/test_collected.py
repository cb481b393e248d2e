"""Runs are gathered with the controls of their folds, and averaged only where they are alike."""

from __future__ import annotations

import math

import pytest

from unlearnkit.records import RunStore
from unlearnkit.reports.collected import collect, problems_of


def test_controls_come_along_whatever_the_tag(shipped):
    with RunStore.in_memory([shipped]) as store:
        first = shipped["rows"][0]["run_id"]
        store.tag(first, "mine")
        (problem,) = collect(store, tag="mine")
    assert [run["run_id"] for run in problem.runs] == [first]
    assert {row["control"] for row in problem.controls} >= {"target", "never_learned", "plant-hidden"}


def test_an_empty_store_has_no_problem():
    with RunStore.in_memory([]) as store:
        assert collect(store) == []


def test_another_task_is_left_out(shipped):
    with RunStore.in_memory([shipped]) as store:
        assert collect(store, task="topic") == []


def test_the_order_is_that_of_grades(shipped_problems):
    (problem,) = shipped_problems
    assert [arm.optimizer for arm in problem.arms] == ["adam", "sgd", "signadam"]


def test_runs_of_different_status_are_no_arm(problem_of, run_row):
    problem = problem_of(run_row(), run_row(fold=2), run_row(fold=3, status="over-forgotten"))
    assert [(arm.status, len(arm.runs)) for arm in problem.arms] == [("forgotten", 2), ("over-forgotten", 1)]


def test_arms_are_named_by_what_differs(problem_of, run_row):
    problem = problem_of(run_row(lr=1e-4), run_row(lr=3.2e-4), run_row("sgd"))
    assert [arm.name for arm in problem.arms] == ["adam, lr 1e-4", "adam, lr 3.2e-4", "sgd"]


def test_options_in_the_configuration_tell_arms_apart(problem_of, run_row):
    runs = [run_row(config={"optimizer_options": {"queries": queries}}) for queries in (4, 8)]
    names = [arm.name for arm in problem_of(*runs).arms]
    assert names == [f'adam, optimizer_options {{"queries": {queries}}}' for queries in (4, 8)]


def test_seeds_of_one_fold_count_once(problem_of, run_row):
    runs = [
        run_row(cost=cost, fold=fold, seed=seed) for fold, seed, cost in [(1, 0, 1), (1, 1, 3), (2, 0, 8)]
    ]
    (arm,) = problem_of(*runs).arms
    interval = arm.interval("cost", "forward_equivalents")
    assert (interval.n, interval.mean) == (2, 5.0)


def test_one_fold_has_no_interval(problem_of, run_row):
    (arm,) = problem_of(run_row()).arms
    assert math.isnan(arm.interval("scores", "nll_forget").low)


def test_depth_is_against_the_control_of_the_same_fold(problem_of, run_row):
    problem = problem_of(run_row(depth=1.5))
    assert problem.depth(problem.runs[0]) == pytest.approx(1.5)


def test_without_a_control_depth_is_unknown(run_row):
    (problem,) = problems_of([run_row(status="no control")], [])
    assert math.isnan(problem.depth(problem.runs[0]))
    assert problem.power("relearn-100") == (0, 0)


def test_power_is_what_the_plant_shows(run_row, control_rows):
    controls = [*control_rows(1, ["relearn-100"]), *control_rows(2, ["relearn-100"], revealed=0.0)]
    (problem,) = problems_of([run_row(), run_row(fold=2)], controls)
    assert problem.power("relearn-100") == (1, 2)
    assert problem.power("quantize-4") == (0, 0)


def test_attacks_stand_in_the_order_of_their_budgets(problem_of, run_row):
    run = run_row(recoveries={"relearn-100": (0, 0), "relearn-25": (0, 0), "quantize-4": (0, 0)})
    problem = problem_of(run)
    assert problem.attacks == ["quantize-4", "relearn-25", "relearn-100"]
    assert problem.hardest == ["quantize-4", "relearn-100"]


def test_attacks_of_one_control_that_were_made_apart_stand_together(run_row, control_rows):
    controls = [*control_rows(1, ["relearn-100"]), *control_rows(1, ["relearn-25"])]
    (problem,) = problems_of([run_row()], controls)
    assert len(problem.controls) == 3
    assert len(problem.control("never_learned", 1)["attacks"]) == 2


def test_power_wants_every_seeds_plant(run_row, control_rows):
    seeds = [*control_rows(1, ["relearn-100"]), *control_rows(1, ["relearn-100"], revealed=0.0, seed=1)]
    (problem,) = problems_of([run_row(), run_row(seed=1)], seeds)
    assert problem.power("relearn-100") == (0, 1)


def test_depth_is_against_the_control_of_the_same_seed(run_row, control_rows):
    controls = [*control_rows(1, []), *control_rows(1, [], seed=1, nll=2.0)]
    (problem,) = problems_of([run_row(), run_row(seed=1), run_row(seed=2)], controls)
    assert [problem.depth(run) for run in problem.runs] == [1.0, 2.0, 1.0]  # seed 2 has no control
