"""A certificate of an event is right where the truth is known, and tight enough to be of use."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from unlearnkit.smoothing import EventCertificate, certify_event
from unlearnkit.smoothing.certificates.clopper_pearson import interval, lower_bound

SLOPE = torch.tensor([2.0, -1.0, 2.0])  # of length 3


def linear_rule(p, sigma):
    """A rule that noise fulfils with probability p, weights, and how far they are from its edge."""
    margin = stats.norm.ppf(p) * sigma * float(SLOPE.norm())
    weights = [torch.zeros(1), torch.zeros(2)]
    return lambda w: bool(torch.cat(w) @ SLOPE < margin), weights, margin / float(SLOPE.norm())


# Against a rule whose truth is known


@pytest.fixture(scope="module")
def repetitions():
    """A thousand certificates of one rule at alpha = 0.01, and its true radius."""
    rule, weights, radius = linear_rule(0.8, sigma=0.4)
    found = [certify_event(rule, weights, sigma=0.4, samples=60, alpha=0.01, seed=s) for s in range(1000)]
    return found, radius


def too_far(found, radius, rule):
    return sum(rule(each) > radius for each in found)


def point_estimate(found):
    """Wrong: the share itself, as if it were no estimate."""
    return found.sigma * stats.norm.ppf(min(found.p_hat, 1 - 1e-9)) if found.p_hat > 0.5 else 0.0


def normal_bound(found):
    """Wrong: the bound that is right for very many samples only."""
    p = found.p_hat - stats.norm.ppf(1 - found.alpha) * math.sqrt(
        found.p_hat * (1 - found.p_hat) / found.samples
    )
    return found.sigma * stats.norm.ppf(min(p, 1 - 1e-9)) if p > 0.5 else 0.0


def test_the_radius_is_too_large_no_more_often_than_alpha(repetitions):
    found, radius = repetitions
    assert too_far(found, radius, lambda each: each.radius) <= 21  # 10 expected at most; 21 is 0.1 % away
    assert sum(not each.abstained for each in found) > 900  # or the test would be passed by saying nothing


@pytest.mark.parametrize("wrong", [point_estimate, normal_bound])
def test_a_radius_without_an_exact_bound_is_caught_by_that_test(repetitions, wrong):
    found, radius = repetitions
    assert too_far(found, radius, wrong) > 21


@pytest.mark.parametrize("p", [0.7, 0.9, 0.99, 0.999])
def test_ten_thousand_samples_come_within_twelve_percent(p):
    rule, weights, radius = linear_rule(p, sigma=0.25)
    found = certify_event(rule, weights, sigma=0.25, samples=10_000, alpha=0.01, seed=3)
    assert 0.88 * radius < found.radius <= radius


def test_along_the_worst_way_the_bound_is_the_truth_but_for_sampling():
    """Of a linear rule nothing is lost: towards its edge the probability is Phi(t - distance / sigma)."""
    rule, weights, radius = linear_rule(0.95, sigma=0.4)
    found = certify_event(rule, weights, sigma=0.4, samples=4000, alpha=0.001)
    for distance in (0.0, 0.2, radius, 1.0):
        truth = stats.norm.cdf((radius - distance) / 0.4)
        assert truth - 0.1 < found.at(distance) <= truth


# What follows from counts


@pytest.mark.parametrize("samples", [1, 10, 1000])
def test_bounds_are_scipys_exact_ones(samples):
    for count in {0, 1, samples // 2, samples - 1, samples}:
        exact = stats.binomtest(count, samples).proportion_ci(confidence_level=0.98, method="exact")
        assert float(lower_bound(count, samples, 0.01)) == pytest.approx(exact.low, abs=1e-12)
        assert interval(count, samples, 0.02) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_a_certificate_follows_from_its_counts():
    found = EventCertificate(count=990, samples=1000, sigma=0.4, alpha=0.001)
    assert found.p_hat == 0.99
    assert 0.975 < found.p_lower < 0.977
    assert found.radius == pytest.approx(0.4 * stats.norm.ppf(found.p_lower))
    assert found.at(0.0) == found.p_lower
    assert found.at(found.radius) == pytest.approx(0.5)
    assert found.at(0.3) == pytest.approx(stats.norm.cdf(stats.norm.ppf(found.p_lower) - 0.3 / 0.4))
    assert found.interval[0] < found.p_lower < found.p_hat < found.interval[1]
    assert found.to_dict()["radius"] == found.radius
    assert "990 of 1000" in found._repr_html_()


@pytest.mark.parametrize(("count", "samples"), [(0, 100), (50, 100), (60, 100), (9, 9), (1, 1)])
def test_it_abstains_where_the_bound_is_a_half_or_less(count, samples):
    found = EventCertificate(count, samples, sigma=0.4, alpha=0.001)
    assert found.abstained
    assert found.radius == 0.0
    assert found.at(0.0) == found.p_lower <= 0.5
    assert "abstained" in found._repr_html_()


def test_ten_hits_of_ten_are_the_fewest_that_certify():
    assert not EventCertificate(10, 10, sigma=0.4, alpha=0.001).abstained


def test_of_a_wreck_nothing_is_certified_whatever_was_counted():
    found = EventCertificate(1000, 1000, sigma=0.4, alpha=0.001, works=False)
    assert found.abstained
    assert (found.radius, found.at(0.0)) == (0.0, 0.0)


# The noise


def test_the_noise_is_normal_independent_and_as_wide_as_sigma():
    places = []
    weights = [torch.full((3,), 5.0), torch.full((2, 2), -1.0)]
    at = torch.cat([w.reshape(-1) for w in weights])

    def look(w):
        places.append(torch.cat([part.reshape(-1) for part in w]) - at)
        return True

    found = certify_event(look, weights, sigma=0.3, samples=4000)
    seen = torch.stack(places).double().numpy() / 0.3
    assert found.count == 4000
    assert np.abs(seen.mean(axis=0)).max() < 4 / math.sqrt(4000)
    assert np.abs(np.cov(seen.T) - np.eye(7)).max() < 4 * math.sqrt(2 / 4000)
    assert stats.kstest(seen.reshape(-1), "norm").pvalue > 1e-3
    assert np.abs([np.corrcoef(seen[:-1, i], seen[1:, i])[0, 1] for i in range(7)]).max() < 4 / math.sqrt(
        4000
    )


def test_the_same_seed_gives_the_same_and_another_seed_another():
    rule, weights, _ = linear_rule(0.6, sigma=0.4)
    same, again, other = (
        certify_event(rule, weights, sigma=0.4, samples=300, seed=seed) for seed in (1, 1, 2)
    )
    assert same == again != other


def test_more_samples_go_on_from_fewer():
    rule, weights, _ = linear_rule(0.6, sigma=0.4)
    answers = []
    certify_event(lambda w: answers.append(rule(w)) or True, weights, sigma=0.4, samples=200)
    assert certify_event(rule, weights, sigma=0.4, samples=50).count == sum(answers[:50])


# What is left behind


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, None])
def test_parameters_are_put_back_to_the_bit(error, random_state):
    weights = [torch.nn.Parameter(torch.randn(4, 3)), torch.randn(2, dtype=torch.float64)]
    weights[0].grad = torch.ones(4, 3)
    before, state = [w.detach().clone() for w in weights], random_state()
    calls = []

    def event(w):
        calls.append(w[0] is weights[0] and not torch.is_grad_enabled())
        if error and len(calls) == 3:
            raise error
        return True

    if error:
        with pytest.raises(error):
            certify_event(event, weights, sigma=1.0, samples=5)
    else:
        certify_event(event, weights, sigma=1.0, samples=5)
    assert all(calls)
    assert len(calls) == (3 if error else 5)
    assert all(torch.equal(w, kept) for w, kept in zip(weights, before, strict=True))
    assert torch.equal(weights[0].grad, torch.ones(4, 3))
    assert weights[0].requires_grad
    assert random_state() == state


@pytest.mark.parametrize("answer", [True, np.True_, torch.tensor(True)], ids=["bool", "numpy", "torch"])
def test_any_kind_of_truth_counts(answer):
    assert certify_event(lambda w: answer, [torch.zeros(2)], sigma=1.0, samples=4).count == 4
