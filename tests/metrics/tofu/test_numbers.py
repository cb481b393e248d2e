"""TOFU's numbers against closed forms, numpy and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.metrics.tofu import (
    aggregate_truth_ratio,
    forget_quality,
    hmean,
    model_utility,
    probability,
    probability_with_options,
    rouge_l_recall,
    truth_ratio,
    utility_parts,
)

losses = st.floats(0.0, 12.0)
rows = st.lists(st.tuples(losses, st.lists(losses, min_size=1, max_size=6)), min_size=1, max_size=9)
ratios = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40)


@given(st.lists(st.tuples(st.floats(0.0, 500.0), st.integers(1, 60)), min_size=1, max_size=9))
def test_probability_is_the_geometric_mean_over_tokens(pairs):
    nll, tokens = zip(*pairs, strict=True)
    expected = [math.prod([math.exp(-loss / n)] * n) ** (1 / n) for loss, n in pairs]
    assert probability(nll, tokens) == pytest.approx(expected, rel=1e-9)


@given(rows)
def test_probability_with_options_is_a_share(pairs):
    right, wrong = zip(*pairs, strict=True)
    expected = [math.exp(-c) / (math.exp(-c) + sum(math.exp(-w) for w in ws)) for c, ws in pairs]
    assert probability_with_options(right, wrong) == pytest.approx(expected, rel=1e-12)


def test_shares_of_unthinkable_answers_are_a_guess_or_with_a_floor_nothing():
    loss = [900.0]  # exp(-900) is 0 as a float
    wrong = [[900.0, 900.0, 900.0]]
    assert probability_with_options(loss, wrong)[0] == 0.25
    assert probability_with_options(loss, wrong, floor=1e-10)[0] == 0.0
    at_floor = -math.log(1e-10)
    assert probability_with_options([at_floor], [[at_floor] * 3], floor=1e-10)[0] == pytest.approx(0.2)


@given(rows)
def test_truth_ratios_are_what_their_kind_says(pairs):
    right, wrong = zip(*pairs, strict=True)
    likely = [(math.exp(-c), [math.exp(-w) for w in ws]) for c, ws in pairs]
    geometric = [stats.gmean(ws) / c for c, ws in likely]
    arithmetic = [np.mean(ws) / c for c, ws in likely]
    assert truth_ratio(right, wrong) == pytest.approx(geometric, rel=1e-9)
    assert truth_ratio(right, wrong, kind="arithmetic") == pytest.approx(arithmetic, rel=1e-9)
    assert (truth_ratio(right, wrong, kind="arithmetic") >= truth_ratio(right, wrong) * (1 - 1e-12)).all()
    floored = [stats.gmean(ws) / (c + 1e-2) for c, ws in likely]
    assert truth_ratio(right, wrong, floor=1e-2) == pytest.approx(floored, rel=1e-9)


def test_a_ratio_of_two_tiny_probabilities_is_still_a_ratio():
    assert truth_ratio([800.0], [[801.0, 801.0]], kind="arithmetic")[0] == pytest.approx(math.exp(-1))
    assert truth_ratio([800.0], [[1.0]])[0] > 1e300
    assert aggregate_truth_ratio(truth_ratio([800.0], [[1.0]]), how="closer_to_one") < 1e-300


@given(ratios)
def test_aggregates_are_what_they_say(values):
    folded = np.mean([min(r, 1 / r) for r in values])
    assert aggregate_truth_ratio(values, how="closer_to_one") == pytest.approx(folded)
    better = np.mean([max(0.0, 1 - r) for r in values])
    assert aggregate_truth_ratio(values, how="true_better") == pytest.approx(better, abs=1e-15)
    shares = np.mean([1 / (1 + r) for r in values])  # P_c / (P_c + P_w) with r = P_w / P_c
    assert aggregate_truth_ratio(values, how="probability_mean") == pytest.approx(shares)


def test_the_ends_of_the_aggregates():
    ends = [0.0, math.inf]
    assert [aggregate_truth_ratio([r], how="closer_to_one") for r in ends] == [0.0, 0.0]
    assert [aggregate_truth_ratio([r], how="true_better") for r in ends] == [1.0, 0.0]
    assert [aggregate_truth_ratio([r], how="probability_mean") for r in ends] == [1.0, 0.0]
    assert aggregate_truth_ratio([1.0], how="closer_to_one") == 1.0


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=30).flatmap(
        lambda one: st.tuples(st.just(one), st.lists(st.integers(0, 9), min_size=len(one), max_size=len(one)))
    )
)
def test_forget_quality_is_scipys_test_ties_and_all(pair):
    found, theirs = forget_quality(*pair), stats.ks_2samp(*pair)
    assert found.d == pytest.approx(theirs.statistic, abs=1e-12)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert found.n == len(pair[0])


def test_forget_quality_depends_neither_on_order_nor_on_side():
    one, other = [0.1, 0.5, 0.5, 2.0], [0.2, 0.5, 3.0, 0.9]
    assert forget_quality(one, other) == forget_quality(one[::-1], other) == forget_quality(other, one)
    assert forget_quality(one, one).d == 0.0
    assert "D = 0.0000 over 4 rows" in forget_quality(one, one)._repr_html_()
    assert set(forget_quality(one, other).to_dict()) == {"p", "d", "n"}


@given(st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=12))
def test_hmean_is_scipys(values):
    assert hmean(values) == pytest.approx(float(stats.hmean(values)))
    assert hmean([*values, 0.0]) == 0.0


def test_hmean_of_numbers_too_small_to_invert():
    assert hmean([5e-324, 5e-324]) == 5e-324


def test_model_utility_takes_its_own_nine_and_no_other():
    tofu = {name: 0.1 * (i + 1) for i, name in enumerate(utility_parts("tofu"))}
    parts = {**dict.fromkeys(utility_parts("open_unlearning"), 1.0), **tofu, "forget_probability": 0.0}
    assert len(tofu) == 9
    assert model_utility(parts) == pytest.approx(float(stats.hmean(list(tofu.values()))))
    assert model_utility(parts, variant="open_unlearning") > model_utility(parts)


@pytest.mark.parametrize("name", utility_parts("open_unlearning"))
def test_a_missing_part_is_named_and_never_left_out(name):
    parts = dict.fromkeys(utility_parts("open_unlearning"), 0.5)
    del parts[name]
    with pytest.raises(MissingReference, match=f"1 are missing: {name}"):
        model_utility(parts, variant="open_unlearning")


def test_recall_asks_how_much_of_the_truth_is_there():
    assert rouge_l_recall("William Shakespeare", "It was written by William Shakespeare.") == 1.0
    assert rouge_l_recall("It was written by William Shakespeare.", "William Shakespeare") == 2 / 6
    assert rouge_l_recall("she writes novels", "she wrote a novel") == 2 / 3  # "novels" and "novel": one stem
    assert rouge_l_recall("", "anything") == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probability([1.0, 2.0], [3]), "tokens: 1 rows given, but 2"),
        (lambda: probability([1.0, 2.0], [3, 0]), "tokens: number 2 is 0"),
        (lambda: probability([], []), "nll must be a row of at least one number"),
        (lambda: probability([[1.0]], [1]), "nll must be a row of at least one number"),
        (lambda: probability([float("nan")], [1]), "nll: all must be finite"),
        (lambda: probability([-1.0], [1]), "nll: all must be finite and 0 or above, but number 1"),
        (lambda: probability(["a"], [1]), "nll must be a row of numbers"),
        (lambda: probability_with_options([1.0], [[]]), "wrong_nll, row 1 must be a row of at least one"),
        (lambda: probability_with_options([1.0], [[1.0]], floor=-1), "floor must be"),
        (lambda: truth_ratio([1.0], [[1.0], [2.0]]), "wrong_nll: 2 rows given, but 1"),
        (lambda: truth_ratio([1.0], [[math.inf]]), "wrong_nll, row 1: all must be finite"),
        (lambda: aggregate_truth_ratio([float("nan")], how="true_better"), "ratios: all must be 0 or above"),
        (lambda: forget_quality([1.0], [1.0, 2.0]), "reference: 2 rows given, but 1"),
        (lambda: forget_quality([1.0], [float("nan")]), "reference: all must be 0 or above"),
        (lambda: hmean([0.5, -0.1]), "values: all must be finite and 0 or above, but number 2 of 2 is -0.1"),
        (lambda: hmean([]), "values must be a row of at least one"),
    ],
)
def test_bad_numbers_are_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: truth_ratio([1.0], [[1.0]], kind="geometrical"),
        lambda: aggregate_truth_ratio([1.0], how="true-better"),
        lambda: utility_parts("ou"),
    ],
)
def test_unknown_variants_are_refused(call):
    with pytest.raises(UnknownName, match="Known:"):
        call()
