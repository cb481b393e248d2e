"""The AUC is a count of pairs, and its interval holds the truth as often as it says."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from unlearnkit.errors import BadInput
from unlearnkit.metrics import auc

scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


def by_count(members, nonmembers):
    """Pairs in which the nonmember is above, ties half."""
    pairs = [(m, n) for m in members for n in nonmembers]
    return sum(1.0 if n > m else 0.5 if n == m else 0.0 for m, n in pairs) / len(pairs)


@given(members=scores, nonmembers=scores)
def test_it_is_the_share_of_pairs_with_ties_half(members, nonmembers):
    found = auc(members, nonmembers)
    assert found.value == pytest.approx(by_count(members, nonmembers), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(members=scores, nonmembers=scores)
def test_it_is_scipys_u_over_the_pairs(members, nonmembers):
    u = mannwhitneyu(nonmembers, members).statistic
    assert auc(members, nonmembers).value == pytest.approx(u / len(members) / len(nonmembers), abs=1e-12)


@given(members=scores, nonmembers=scores)
def test_swapped_groups_give_one_minus_it_bounds_included(members, nonmembers):
    one, other = auc(members, nonmembers), auc(nonmembers, members)
    assert other.value == pytest.approx(1 - one.value, abs=1e-12)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low), abs=1e-6)


def test_the_variance_is_delongs():
    draw = np.random.default_rng(0)
    members, nonmembers = draw.normal(0, 1, 40), draw.normal(1, 2, 60)
    found = auc(members, nonmembers)
    kernel = (nonmembers[None] > members[:, None]).astype(float)
    variance = kernel.mean(axis=1).var(ddof=1) / 40 + kernel.mean(axis=0).var(ddof=1) / 60
    logit = math.log(found.value / (1 - found.value))
    reach = norm.ppf(0.975) * math.sqrt(variance) / (found.value * (1 - found.value))
    expected = [1 / (1 + math.exp(-(logit + side * reach))) for side in (-1, 1)]
    assert found.method == "delong"
    assert (found.low, found.high) == pytest.approx(expected)


@pytest.mark.parametrize(("members", "nonmembers"), [(10, 15), (30, 30), (200, 1)])
def test_groups_that_do_not_overlap_have_an_interval_too(members, nonmembers):
    found = auc([0.0] * members, [1.0] * nonmembers)
    assert (found.value, found.high, found.method) == (1.0, 1.0, "newcombe")
    low, extra = found.low, (members + nonmembers) / 2 - 1
    factor = 1 + extra * ((1 - low) / (2 - low) + low / (1 + low))
    variance = low * (1 - low) * factor / (members * nonmembers)
    assert 1 - low == pytest.approx(norm.ppf(0.975) * math.sqrt(variance), rel=1e-6)
    assert 0 < low < 1


@pytest.mark.parametrize(("shift", "size"), [(0.0, 25), (1.0, 25), (2.0, 15)])
def test_nineteen_of_twenty_intervals_hold_the_truth(shift, size):
    draw, truth = np.random.default_rng(1), norm.cdf(shift / math.sqrt(2))
    found = [auc(draw.normal(0, 1, size), draw.normal(shift, 1, size)) for _ in range(400)]
    held = np.mean([result.low <= truth <= result.high for result in found])
    assert 0.92 <= held <= 0.99


def test_a_wider_confidence_is_a_wider_interval():
    groups = [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0]
    narrow, wide = auc(*groups, confidence=0.8), auc(*groups, confidence=0.99)
    assert wide.low < narrow.low < narrow.value == wide.value < narrow.high < wide.high


def test_the_result_can_be_stored_and_shown():
    found = auc([1.0, 2.0], [2.0, 3.0])
    assert json.loads(json.dumps(found.to_dict()))["value"] == 0.875
    assert "2 members, 2 nonmembers" in found._repr_html_()


@pytest.mark.parametrize(
    ("members", "nonmembers", "words"),
    [
        ([], [1.0], "members must be a list"),
        ([1.0], [], "nonmembers must be a list"),
        ([1.0, math.nan], [1.0], r"members\[1\] is nan"),
        ([1.0], [math.inf], r"nonmembers\[0\] is inf"),
        ([[1.0]], [1.0], "members must be a list"),
    ],
)
def test_what_cannot_be_ranked_is_refused(members, nonmembers, words):
    with pytest.raises(BadInput, match=words):
        auc(members, nonmembers)


def test_a_confidence_is_a_share():
    with pytest.raises(BadInput, match="confidence"):
        auc([1.0], [2.0], confidence=95)
