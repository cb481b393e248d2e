"""Whether the smoothed model works: what few samples can say, and what noise alone makes a target forget."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import optimize, stats

from unlearnkit.smoothing import Certificate, ModelCertificate, Retention
from unlearnkit.smoothing.certificates.judging import forgotten_samples, split_forgotten
from unlearnkit.smoothing.certificates.model_certificate import retention
from unlearnkit.smoothing.certificates.noisy_answers import Answers


def kept_of(answered, *, alpha=0.001, floor=0.8):
    return retention(answered, facts=8, unsmoothed=1.0, floor=floor, alpha=alpha)


def chance_to_work(samples, wrecked, alpha):
    """Exactly: of noise that wrecks a share of draws, and leaves the others alone."""
    return sum(
        stats.binom.pmf(intact, samples, 1 - wrecked)
        for intact in range(samples + 1)
        if kept_of([8] * intact + [0] * (samples - intact), alpha=alpha).works
    )


@pytest.mark.parametrize("alpha", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("wrecked", [0.5, 0.7])
def test_noise_that_wrecks_most_draws_is_found_out_with_confidence_at_every_number(alpha, wrecked):
    for samples in (1, 2, 3, 5, 7, 9, 10, 12, 25):
        assert chance_to_work(samples, wrecked, alpha) <= alpha


def test_noise_that_wrecks_a_quarter_of_draws_gets_through_a_few_samples_seldom_and_many_never():
    assert all(chance_to_work(samples, 0.25, 0.001) == 0 for samples in range(1, 10))  # the interval: [1, 1]
    assert kept_of([8] * 9).interval == (1.0, 1.0)
    assert not kept_of([8] * 9).works
    assert chance_to_work(10, 0.25, 0.001) == pytest.approx(0.75**10)  # as the docstring says
    assert chance_to_work(40, 0.25, 0.001) < 0.002


def test_how_likely_half_is_lost_is_the_best_exponential_bound():
    """By Markov's inequality: the smallest of E exp(t (X - estimate)) ^ samples, of a coin, over t."""
    for answered, floor in (([8, 7, 8, 8, 6], 0.8), ([5, 5, 4, 6], 0.6), ([8] * 6, 0.8)):
        found = kept_of(answered, floor=floor)
        half, n = floor / 1.6, len(answered)

        def log_bound(t, mean=found.estimate, half=half, n=n):
            return n * (math.log(1 - half + half * math.exp(t)) - t * mean)

        best = optimize.minimize_scalar(log_bound, bounds=(0, 60), method="bounded").fun
        assert found.half_lost == pytest.approx(math.exp(best), rel=1e-4)


def test_no_more_than_half_kept_is_as_likely_as_can_be():
    assert kept_of([4, 4, 4]).half_lost == 1.0
    assert kept_of([0, 0]).half_lost == 1.0
    assert not kept_of([0, 0], floor=0.0).works


def a_model(forgotten, kept, *, samples=300):
    """Of 60 kept facts so many are answered in every sample."""
    return ModelCertificate(
        facts=tuple(f"fact {place}" for place in range(len(forgotten))), forgotten=forgotten, samples=samples,
        sigma=0.03, alpha=0.001, split=None, known=(False,) * len(forgotten), weights="w",
        retain=Retention(kept / 60, (kept / 60, kept / 60), 1.0, 0.8, 60, samples, 0.001),
    )  # fmt: skip


def test_what_was_written_before_reads_back_and_is_judged_anew():
    content = json.loads(json.dumps(a_model((300, 0), 57).to_dict()))
    for name in ("samples", "alpha"):
        del content["retain"][name]
    assert ModelCertificate.from_dict(content) == a_model((300, 0), 57)
    assert not ModelCertificate.from_dict(content | {"samples": 5, "forgotten": [5, 0]}).works


# What noise alone makes the target forget


def beside(model, target):
    return Certificate(model, target, None, 1000, None, None, 0, 10)


def test_a_target_that_noise_wrecks_counts_with_all_that_it_forgets():
    ours, wrecked = a_model((300, 280, 290, 0), 57), a_model((300, 300, 0, 0), 30)
    found = beside(ours, wrecked)
    assert ours.works
    assert not wrecked.works
    assert not wrecked.radii().any()
    assert found.excess_share() == 0.75 - 0.5
    low = [stats.binomtest(n, 300, alternative="greater").proportion_ci(0.999).low for n in (300, 280, 290)]
    radii = 0.03 * stats.norm.ppf(low)
    assert found.excess_radius == pytest.approx(np.median([0, radii[1] - radii[0], radii[2], 0]))
    assert "by its misses 0.500, which count against the model" in found.words


def test_a_model_that_abstains_is_charged_with_no_wreck():
    wrecked = a_model((300, 300), 30)
    assert beside(wrecked, wrecked).excess_share() == 0.0
    assert beside(wrecked, a_model((300, 0), 57)).excess_share() == -0.5


# When the split is forgotten


@pytest.mark.parametrize("known", range(56))
def test_a_share_on_the_threshold_is_forgotten_whatever_rounding_says(known):
    """Of 60 facts 0.05 more are 3."""
    limits = (known / 60 + 0.05, known / 60 + 0.05)
    halves = SimpleNamespace(shown=range(60), heldout=range(60))
    answers = Answers((), (known + 3, known + 4, known + 3), (known + 3, known + 3, known + 4), (0, 0, 0))
    assert forgotten_samples(answers, halves, limits) == 1
    assert split_forgotten((known + 3) / 60, (known + 3) / 60, limits)
