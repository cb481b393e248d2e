"""Grades are compared at one depth only, fold by fold, and only where there is enough to compare."""

from __future__ import annotations

import itertools

import pytest

from unlearnkit.reports.decision import FEWEST_FOLDS, FEWEST_SEEDS, contrasts, decision_sentence

SIGN = {"optimizer": "signadam", "grade": "first order, sign"}


@pytest.fixture
def grid_of(run_row):
    """Runs of adam and signadam on folds × seeds; what comes back differs by a given amount."""

    def make(folds, seeds, *, less=0.2, **more):
        cells = list(itertools.product(range(1, folds + 1), range(seeds)))
        noise = {cell: 0.01 * place for place, cell in enumerate(cells)}
        adam = [run_row(fold=f, seed=s, recoveries=_back(0.5 + noise[f, s])) for f, s in cells]
        sign = [
            run_row(
                **SIGN, fold=f, seed=s, cost=200.0, recoveries=_back(0.5 - less + 0.5 * noise[f, s]), **more
            )
            for f, s in cells
        ]
        return [*adam, *sign]

    return make


def _back(worst):
    return {"relearn-100": (worst, 0.0)}


def test_enough_runs_say_what_came_back(problem_of, grid_of):
    (contrast,) = contrasts(problem_of(*grid_of(FEWEST_FOLDS, FEWEST_SEEDS)))
    assert contrast.enough
    assert contrast.recovery.mean == pytest.approx(-0.2, abs=0.05)
    assert contrast.cost.mean == pytest.approx(2.0)
    assert "signadam less adam" in contrast.sentence()
    assert contrast.sentence().endswith("less came back.")


def test_a_difference_within_the_interval_is_undecided(problem_of, grid_of):
    (contrast,) = contrasts(problem_of(*grid_of(FEWEST_FOLDS, FEWEST_SEEDS, less=-0.035)))
    assert contrast.sentence().endswith("undecided: the interval holds 0.")


@pytest.mark.parametrize(
    ("folds", "seeds"), [(FEWEST_FOLDS - 1, FEWEST_SEEDS), (FEWEST_FOLDS, FEWEST_SEEDS - 1)]
)
def test_fewer_folds_or_seeds_decide_nothing(problem_of, grid_of, folds, seeds):
    problem = problem_of(*grid_of(folds, seeds))
    (contrast,) = contrasts(problem)
    assert "too few to decide" in contrast.sentence()
    assert decision_sentence(problem).startswith("Too few to decide: grades meet")


@pytest.mark.parametrize("status", ["over-forgotten", "not reached", "destroyed"])
def test_runs_of_another_depth_are_never_compared(problem_of, grid_of, status):
    problem = problem_of(*grid_of(FEWEST_FOLDS, FEWEST_SEEDS, status=status))
    assert contrasts(problem) == []
    assert "only one grade (first order)" in decision_sentence(problem)


def test_runs_that_never_met_on_one_fold_are_not_compared(problem_of, run_row):
    problem = problem_of(run_row(fold=1), run_row(**SIGN, fold=2))
    assert contrasts(problem) == []
    assert "on the same fold and seed" in decision_sentence(problem)


def test_destroyed_by_the_attack_is_no_survival(problem_of, grid_of):
    problem = problem_of(*grid_of(FEWEST_FOLDS, FEWEST_SEEDS, outcome="destroyed"))
    assert contrasts(problem) == []


def test_no_run_at_the_depth(shipped_problems):
    assert "no run stopped within 25%" in decision_sentence(shipped_problems[0])
