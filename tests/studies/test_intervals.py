"""Intervals hold the true mean as often as they say, and agree with scipy and with hand computation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from unlearnkit.errors import BadInput
from unlearnkit.studies.intervals import NOTHING, Interval, t_interval, two_way_interval

REPETITIONS = 1000


def test_t_by_hand():
    # Mean 2, standard deviation 1, n = 3: 2 ± 4.302653 / √3.
    found = t_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 4, 9])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.997])
def test_t_agrees_with_scipy(n, confidence):
    values = np.random.default_rng(n).normal(size=n)
    theirs = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
    found = t_interval(values, confidence)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_t_holds_the_mean_as_often_as_it_says(n):
    draws = np.random.default_rng(0).normal(0.4, 0.3, size=(REPETITIONS, n))
    held = np.mean([not t_interval(row).excludes(0.4) for row in draws])
    assert 0.93 <= held <= 0.97  # 3 standard errors of 1,000 repetitions


def test_a_normal_quantile_would_not():
    draws = np.random.default_rng(0).normal(size=(REPETITIONS, 3))
    errors = draws.std(axis=1, ddof=1) / math.sqrt(3)
    assert np.mean(np.abs(draws.mean(axis=1)) <= 1.96 * errors) < 0.9


def test_one_value_has_no_interval_and_says_so():
    found = t_interval([0.4])
    assert (found.mean, found.n) == (0.4, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.excludes(100.0)
    assert str(found) == "+0.40 (one value: no interval)"
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["low"] is None


def test_equal_values_show_no_spread_and_exclude_nothing():
    found = t_interval([0.1, 0.1, 0.1])
    assert found.low == found.high == found.mean
    assert not found.excludes(0.0)
    assert found.text(".0%") == "10% (all 3 the same: no interval)"


def test_an_interval_in_words():
    assert str(Interval(0.5, 0.2, 0.8, n=4)) == "+0.50 [+0.20, +0.80]"
    assert Interval(0.5, 0.2, 0.8, n=4).text(".0%") == "50% [20%, 80%]"
    assert str(NOTHING) == "no value"


def test_what_lies_at_a_bound_is_not_excluded():
    found = Interval(0.5, 0.2, 0.8, n=4)
    assert [found.excludes(value) for value in (0.0, 0.2, 0.5, 0.8, 0.9)] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("values", "message"),
    [([], r"^values: a mean needs one number"), ([0.1, math.nan], r"^values: nan is not a finite number")],
)
def test_what_is_no_value_is_refused(values, message):
    with pytest.raises(BadInput, match=message):
        t_interval(values)


@pytest.mark.parametrize("confidence", [0, 1, 95])
@pytest.mark.parametrize("interval", [t_interval, two_way_interval])
def test_confidence_is_a_fraction(interval, confidence):
    with pytest.raises(BadInput, match=r"^confidence must be between 0"):
        interval([[0.1, 0.2], [0.3, 0.4]], confidence)


# Folds crossed with seeds


def test_two_way_by_hand():
    # Fold means 1, 3, 5 (V_fold 4/3); beyond them seeds are at -1, +1 (V_seed 1); nothing is left.
    found = two_way_interval([[0.0, 2.0], [2.0, 4.0], [4.0, 6.0]])
    half = 12.706205 * math.sqrt(4 / 3 + 1)
    assert (found.mean, found.n) == (3.0, 2)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-5)


def test_two_way_takes_its_parts_from_the_mean_squares():
    table = np.random.default_rng(1).normal(size=(6, 4)) + np.arange(6)[:, None] + np.arange(4)[None, :]
    mean, total = table.mean(), table.size
    rows = 4 * ((table.mean(axis=1) - mean) ** 2).sum() / 5
    columns = 6 * ((table.mean(axis=0) - mean) ** 2).sum() / 3
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + mean
    error = math.sqrt((rows + columns - (rest**2).sum() / 15) / total)
    found = two_way_interval(table)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 3) * error)


def test_a_missing_cell_by_hand():
    # Fold means 1, 3.5, 5; beyond them the first seed is at -1, -0.5 (its mean -0.75), and so on.
    table = np.array([[0.0, 1.0, 2.0], [3.0, np.nan, 4.0], [4.0, 5.0, 6.0]])
    fold_means = np.array([1.0, 3.5, 5.0])
    seed_means = np.array([-2.5 / 3, 0.0, 2.5 / 3])
    rest = 2 * ((-1 + 2.5 / 3) ** 2) * 2 + 2 * (-0.5 + 2.5 / 3) ** 2
    v_fold, v_seed, v_cell = fold_means.var(ddof=1) / 3, seed_means.var(ddof=1) / 3, rest / 3 / 8
    found = two_way_interval(table)
    assert found.mean == pytest.approx(9.5 / 3)
    half = stats.t.ppf(0.975, 2) * math.sqrt(v_fold + v_seed - v_cell)
    assert found.high - found.mean == pytest.approx(half)


@pytest.mark.parametrize("shape", [(3, 3), (4, 5), (5, 8)])
@pytest.mark.parametrize("spreads", [(1, 1, 1), (1, 0.1, 0.3), (0.1, 1, 0.3), (0, 0, 1)])
def test_two_way_holds_the_mean_at_least_as_often_as_it_says(shape, spreads):
    (folds, seeds), (of_folds, of_seeds, of_rest) = shape, spreads
    draw = np.random.default_rng(2).normal
    tables = (
        of_folds * draw(size=(REPETITIONS, folds, 1))
        + of_seeds * draw(size=(REPETITIONS, 1, seeds))
        + of_rest * draw(size=(REPETITIONS, folds, seeds))
    )
    assert np.mean([not two_way_interval(table).excludes(0.0) for table in tables]) >= 0.93


def test_t_over_cells_would_not():
    draw = np.random.default_rng(3).normal
    tables = draw(size=(REPETITIONS, 5, 1)) + 0.3 * draw(size=(REPETITIONS, 5, 5))
    assert np.mean([not t_interval(table.ravel()).excludes(0.0) for table in tables]) < 0.8


def test_equal_cells_show_no_spread():
    assert not two_way_interval(np.full((3, 3), 0.1)).excludes(0.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([0.1, 0.2], r"^table: two folds and two seeds are needed .* t_interval"),
        ([[0.1, 0.2]], r"^table: two folds and two seeds"),
        ([[0.1], [0.2]], r"^table: two folds and two seeds"),
        ([[math.inf, 0.2], [0.1, 0.3]], r"^table: it holds an infinite value"),
        ([[math.nan, math.nan], [0.1, 0.3]], r"^table: fold number 0"),
        ([[0.1, math.nan], [0.1, math.nan]], r"^table: seed number 1"),
        ([[0.1, math.nan], [0.1, 0.2]], r"^table: 3 cells of 2 folds and 2 seeds leave nothing"),
    ],
)
def test_a_table_that_cannot_be_judged_is_refused(table, message):
    with pytest.raises(BadInput, match=message):
        two_way_interval(table)
