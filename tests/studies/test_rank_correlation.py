"""Spearman's correlation within folds, its interval and its permutation test."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from unlearnkit.errors import BadInput
from unlearnkit.studies.rank_correlation import partial, rho_within_folds, within_folds


def test_one_fold_is_spearmans():
    source = np.random.default_rng(0)
    a, b = source.integers(0, 8, 30), source.integers(0, 8, 30)  # with ties
    assert rho_within_folds(a, b, [0] * 30) == pytest.approx(spearmanr(a, b).statistic)


def test_what_differs_between_folds_alone_adds_nothing():
    a, b = [1, 2, 3, 11, 12, 13], [3, 2, 1, 13, 12, 11]
    assert rho_within_folds(a, b, "xxxyyy") == pytest.approx(-1)
    assert rho_within_folds(a, b, "xxxxxx") > 0.5


def test_the_permutation_test_is_exact_up_to_its_draws():
    a, b = np.arange(6.0), np.array([2.0, 1, 4, 3, 6, 5])
    rhos = [np.corrcoef(a, order)[0, 1] for order in permutations(b)]
    exact = np.mean(np.abs(rhos) >= np.corrcoef(a, b)[0, 1] - 1e-9)
    assert within_folds(a, b, [0] * 6).p == pytest.approx(exact, abs=0.015)


def test_permutations_stay_within_folds():
    # two units a fold, always in order: each of 2^3 equally likely arrangements; rho of ±1 has 2 of them
    assert within_folds([1, 2] * 3, [1, 2] * 3, "aabbcc").p == pytest.approx(0.25, abs=0.03)


def test_intervals_hold_the_true_correlation():
    held = 0
    for seed in range(50):
        source = np.random.default_rng(seed)
        a = source.normal(size=24)
        found = within_folds(a, a + source.normal(size=24), ["a"] * 12 + ["b"] * 12)
        held += found.low <= 0.69 <= found.high  # 6 / pi asin(r / 2), r = 1 / sqrt(2)
    assert held >= 42


def test_too_few_or_equal_are_not_told():
    assert math.isnan(within_folds([1, 2, 3, 4], [1, 2, 3, 4], "aaaa").rho)
    assert within_folds([1] * 5, [1, 2, 3, 4, 5], "aaaaa").text() == "not told (n = 5)"
    assert within_folds([], [], []).n == 0


def test_the_same_seed_gives_the_same_interval():
    a, b = [1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5]
    assert within_folds(a, b, "aaabbb", seed=3) == within_folds(a, b, "aaabbb", seed=3)
    assert within_folds(a, b, "aaabbb", seed=3) != within_folds(a, b, "aaabbb", seed=-3)


def test_partial_is_the_correlation_of_residuals():
    source = np.random.default_rng(1)
    z = source.normal(size=200)
    x, y = z + source.normal(size=200), z + source.normal(size=200)
    left = [v - np.polyval(np.polyfit(z, v, 1), z) for v in (x, y)]
    r = np.corrcoef([x, y, z])
    assert partial(r[0, 1], r[0, 2], r[1, 2]) == pytest.approx(np.corrcoef(left)[0, 1])
    assert math.isnan(partial(1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("a", "b", "folds", "said"),
    [([1, 2], [1], "aa", "^first, second and folds"), ([1, math.nan], [1, 2], "aa", "^first: it holds")],
)
def test_what_has_no_ranks_is_refused(a, b, folds, said):
    with pytest.raises(BadInput, match=said):
        within_folds(a, b, folds)
