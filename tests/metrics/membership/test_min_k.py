"""Min-K% and Min-K%++ by hand, and where two code bases part."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.errors import BadInput
from unlearnkit.metrics.membership import min_k, min_k_plus_plus
from unlearnkit.metrics.token_statistics import TokenStatistics

log_probs = st.lists(st.floats(-20, 0), min_size=1, max_size=30)


@given(values=log_probs, k=st.sampled_from([0.05, 0.2, 0.4, 0.6, 1.0]))
def test_it_is_numpys_mean_of_the_lowest(values, k):
    taken = max(1, int(len(values) * k))
    assert min_k(values, k, floor=1) == pytest.approx(-np.mean(np.sort(values)[:taken]))


@given(values=log_probs)
def test_all_tokens_make_the_loss(values):
    assert min_k(values, 1.0) == pytest.approx(-np.mean(values))


@pytest.mark.parametrize("tokens", [1, 2])
def test_a_text_of_two_tokens_has_no_score_in_muse_and_one_with_a_floor(tokens):
    values = [-1.0, -3.0][:tokens]
    with pytest.raises(BadInput, match=r"= 0 of . tokens.*NaN.*floor=1"):
        min_k(values)
    assert min_k(values, floor=1) == -min(values)


def test_tokens_are_counted_down_and_not_rounded():
    values = [-4.0, -3.0, -2.0, -1.0]
    assert min_k(values) == 4.0  # int(1.6) = 1; rounding would take 2 and give 3.5


def test_plus_plus_measures_in_the_models_own_spread():
    statistics = TokenStatistics((-5.0, -2.0, -1.0), (-1.0, -4.0, -1.0), (4.0, 1.0, 9.0))
    # (-5 + 1) / 2, (-2 + 4) / 1, 0: lowest -2
    assert min_k_plus_plus(statistics, 0.4) == pytest.approx(2.0)
    assert min_k_plus_plus(statistics, 1.0) == pytest.approx(0.0)


def test_a_certain_prediction_is_not_divided_by_zero():
    statistics = TokenStatistics((-0.1,), (0.0,), (0.0,))
    assert min_k_plus_plus(statistics, 1.0) == pytest.approx(0.1 / math.sqrt(1e-6))


@pytest.mark.parametrize("k", [0, -0.1, 1.1, math.nan, True, "0.4"])
def test_k_is_a_share(k):
    with pytest.raises(BadInput, match="k must be"):
        min_k([-1.0], k)


def test_an_empty_text_has_no_score():
    with pytest.raises(BadInput, match="0 of 0 tokens"):
        min_k([], floor=1)
