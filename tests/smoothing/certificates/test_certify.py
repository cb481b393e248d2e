"""A model's certificate counts what it says, is not fooled by a wreck, and leaves every model as it was."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import unlearnkit as uk
from unlearnkit.smoothing import Certificate, certificate_cost, certify
from unlearnkit.smoothing.certificates.noisy_answers import CERTIFY
from unlearnkit.smoothing.noise import Noise
from unlearnkit.unlearning.mixing import between

FEW = {"forget_facts": 16, "retain_facts": 16}


@pytest.fixture(scope="module")
def hidden(lab):
    """A model that hides what it was to forget, and keeps the rest: the planted fragile one."""
    return uk.attacks.plant(lab, kind="hidden")


@pytest.fixture(scope="module")
def found(lab, hidden):
    return certify(hidden, lab, sigma=0.01, samples=24, alpha=0.01, seed=5, **FEW)


# What is counted


def test_a_fact_is_forgotten_where_the_scores_of_a_noisy_copy_say_so(lab, hidden, found):
    """By copies of the model with the same noise, asked by the metric that runs are scored by."""
    from unlearnkit.metrics import answer
    from unlearnkit.smoothing.certificates.exact_answers import facts_of

    facts = facts_of(lab, **FEW)
    missed, kept, halves = np.zeros(16, dtype=int), [], []
    noise = Noise("gaussian", 0.01, sum(w.numel() for w in hidden.parameters()), 5)
    for sample in range(24):
        copy = between(hidden, hidden, 1.0)
        scale, direction = noise.step(list(copy.parameters()), sample, CERTIFY)
        with torch.no_grad():
            for weight, u in zip(copy.parameters(), direction, strict=True):
                weight.add_(u, alpha=scale)
        answered = answer(copy, lab.tokenizer, facts.all)
        exact = np.array([given == q.answer for given, q in zip(answered.given, facts.all, strict=True)])
        missed += ~exact[:16]
        kept.append(exact[16:].mean())
        halves.append(bool(exact[:8].mean() <= 0.05 and exact[8:16].mean() <= 0.05))
    assert found.model.forgotten == tuple(missed)
    assert found.model.retain.estimate == pytest.approx(np.mean(kept))
    assert found.model.split.count == sum(halves)
    assert found.thresholds == (0.05, 0.05)  # never_learned answers none of them


def test_bounds_and_radii_follow_from_the_counts(found):
    ours = found.model
    for place, (key, count) in enumerate(zip(ours.facts, ours.forgotten, strict=True)):
        for simultaneous, alpha in ((False, 0.01), (True, 0.01 / 16)):
            exact = stats.binomtest(count, 24).proportion_ci(confidence_level=1 - 2 * alpha, method="exact")
            radius = 0.01 * stats.norm.ppf(exact.low) if ours.works and exact.low > 0.5 else 0.0
            assert ours.radii(simultaneous=simultaneous)[place] == pytest.approx(radius)
            one = ours.fact(key, simultaneous=simultaneous)
            assert (one.radius, one.alpha) == (pytest.approx(radius), alpha)
    assert ours.ceiling == pytest.approx(0.01 * stats.norm.ppf(0.01 ** (1 / 24)))
    assert ours.radii().max() <= ours.ceiling


def test_the_headline_is_what_is_certified_beyond_the_target(found):
    assert found.model.works
    assert found.target.works
    assert (
        found.target.certified_share() == 0.0
    )  # it has forgotten nothing, and noise this small wrecks nothing
    assert found.never_learned.certified_share() == 1.0
    assert found.excess_share() == found.model.certified_share() > 0.5
    assert found.excess_radius == pytest.approx(np.median(found.model.radii() - found.target.radii()))
    assert found.excess_share(1e9) == 0.0
    assert replace(found, target=found.never_learned).excess_share() == found.model.certified_share() - 1
    assert not found.abstained


# The wreck


def test_a_target_that_noise_wrecks_is_not_certified_though_it_forgets_everything(lab):
    found = certify(lab.model, lab, sigma=0.3, samples=20, alpha=0.01, forget_facts=20, retain_facts=20)
    assert found.model.p_lower().min() > 0.5  # by itself every fact would be certified
    assert found.model.split.p_lower > 0.5
    assert found.model.retain.unsmoothed > 0.9
    assert found.model.retain.estimate < 0.05
    assert not found.model.works
    assert found.abstained
    assert found.radius == 0.0
    assert not found.model.radii().any()
    assert found.model.fact(found.model.facts[0]).abstained
    assert found.excess_share() == 0.0
    assert "does not work, and nothing is certified" in found.words
    assert found.model is not found.target
    assert found.model.forgotten == found.target.forgotten  # the same model, asked once
    assert found.forward_passes == 2 * 21


def test_a_model_that_unlearning_has_wrecked_is_not_certified_either(lab, noisy):
    """Noise takes nothing more from it: the floor is the target's."""
    wreck = noisy(lab.model, 0.3)
    found = certify(wreck, lab, sigma=0.001, samples=12, alpha=0.01, **FEW)
    assert found.model.retain.estimate == found.model.retain.unsmoothed == 0.0
    assert found.model.retain.floor == pytest.approx(0.8)
    assert found.abstained


def test_where_nothing_was_known_nothing_is_kept(toy):
    found = certify(toy.model, toy, samples=12, retain_facts=4)
    assert found.model.retain.floor == 0.0
    assert set(found.model.forgotten) == {12}
    assert found.abstained


def test_the_retained_share_must_lie_above_its_floor_with_confidence():
    from unlearnkit.smoothing.certificates.model_certificate import retention

    answered = [8, 9, 7, 9, 8, 9, 8, 8, 9, 7]
    kept = retention(answered, facts=10, unsmoothed=1.0, floor=0.8, alpha=0.1)
    low, high = stats.t.interval(0.9, 9, loc=0.82, scale=stats.sem(np.array(answered) / 10))
    assert kept.estimate == pytest.approx(0.82)
    assert kept.interval == pytest.approx((low, high))
    assert not kept.works  # the mean is above the floor, its interval is not
    assert retention(answered, facts=10, unsmoothed=1.0, floor=0.75, alpha=0.1).works
    assert retention([10], facts=10, unsmoothed=1.0, floor=0.8, alpha=0.1).interval == (0.0, 1.0)


# What is left behind, and what comes again


def test_nobody_sees_a_change(toy, make_llama, fingerprint, random_state):
    model = make_llama(7).train()
    next(model.parameters()).requires_grad_(False)
    models = (model, toy.model, toy.never_learned)
    before, state = [fingerprint(each) for each in models], random_state()
    certify(model, toy, samples=3, retain_facts=2)
    assert [fingerprint(each) for each in models] == before
    assert random_state() == state


def asked(model, *, fails_at=10**9, error=KeyboardInterrupt):
    """Count a model's forward passes, and let one fail."""
    calls = [0]

    def look(*_):
        calls[0] += 1
        if calls[0] == fails_at:
            raise error

    return calls, model.register_forward_pre_hook(look)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("which", ["model", "target", "never_learned"])
def test_models_are_put_back_when_any_fails(toy, make_llama, fingerprint, error, which):
    model = make_llama(7).train()
    models = {"model": model, "target": toy.model, "never_learned": toy.never_learned}
    before = [fingerprint(each) for each in models.values()]
    _, hook = asked(models[which], fails_at=6, error=error)
    with pytest.raises(error):
        certify(model, toy, samples=40, retain_facts=2)
    hook.remove()
    assert [fingerprint(each) for each in models.values()] == before


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to oneself ends the process there")
def test_ctrl_c_stops_every_model_after_its_sample(toy, make_llama, fingerprint, monkeypatch):
    """A real signal, which only the main thread hears, while a model's thread works at a long block."""
    monkeypatch.setattr("unlearnkit.smoothing.certificates.noisy_answers.BLOCK", 2000)
    model = make_llama(7)
    models = (model, toy.model, toy.never_learned)
    before = [fingerprint(each) for each in models]
    calls = [0]

    def look(*_):
        calls[0] += 1
        if calls[0] == 3:
            os.kill(os.getpid(), signal.SIGINT)

    hook = model.register_forward_pre_hook(look)
    with pytest.raises(KeyboardInterrupt):
        certify(model, toy, samples=2000, retain_facts=2)
    hook.remove()
    assert calls[0] < 1000
    assert [fingerprint(each) for each in models] == before


def test_interrupted_work_goes_on_where_it_stopped(toy, make_llama, tmp_path, monkeypatch):
    monkeypatch.setattr("unlearnkit.smoothing.certificates.noisy_answers.BLOCK", 4)
    model, keep, few = make_llama(7), tmp_path / "kept.jsonl", {"samples": 14, "retain_facts": 2}
    whole = certify(model, toy, **few)
    calls, hook = asked(model, fails_at=1 + 10)
    with pytest.raises(KeyboardInterrupt):
        certify(model, toy, keep=keep, **few)
    hook.remove()
    calls, hook = asked(model)
    assert certify(model, toy, keep=keep, **few) == whole
    assert calls[0] == 1 + 14 - 8  # without noise once, and two whole blocks were kept
    assert certify(model, toy, keep=keep, **few) == whole
    assert calls[0] == 2 + 14 - 8
    more = certify(model, toy, keep=keep, samples=16, retain_facts=2)
    assert calls[0] == 3 + 14 - 8 + 4  # the last block had been half a one
    hook.remove()
    assert more == certify(model, toy, samples=16, retain_facts=2)


@pytest.mark.parametrize("change", [{"seed": 1}, {"sigma": 0.03}, {"retain_facts": 3}])
def test_what_was_kept_is_not_taken_for_other_work(toy, tmp_path, change):
    keep, few = tmp_path / "kept.jsonl", {"samples": 3, "retain_facts": 2}
    certify(toy.model, toy, keep=keep, **few)
    calls, hook = asked(toy.model)
    certify(toy.model, toy, keep=keep, **{**few, **change})
    hook.remove()
    assert calls[0] == 1 + 3


def test_another_model_finds_the_controls_kept(toy, make_llama, tmp_path):
    keep, few = tmp_path / "kept.jsonl", {"samples": 5, "retain_facts": 2}
    certify(make_llama(7), toy, keep=keep, **few)
    calls, hook = asked(toy.model)
    certify(make_llama(8), toy, keep=keep, **few)
    hook.remove()
    assert calls[0] == 1


def test_threads_change_no_bit_and_the_seed_decides(lab, monkeypatch):
    few = {"sigma": 0.02, "samples": 4, **FEW}
    together = certify(lab.never_learned, lab, **few)
    threads = torch.get_num_threads()
    monkeypatch.setattr("unlearnkit.smoothing.certificates.noisy_answers._workers", lambda models: 1)
    assert certify(lab.never_learned, lab, **few) == together
    assert torch.get_num_threads() == threads
    assert certify(lab.never_learned, lab, seed=1, **few).target.forgotten != together.target.forgotten


def test_a_certificate_costs_what_was_said_beforehand(toy, make_llama):
    model = make_llama(7)
    told = certificate_cost(toy, samples=5, retain_facts=2)
    counts = [asked(each) for each in (model, toy.model, toy.never_learned)]
    found = certify(model, toy, samples=5, retain_facts=2)
    for _, hook in counts:
        hook.remove()
    assert told.batches == 1
    assert sum(calls[0] for calls, _ in counts) == told.forward_passes == found.forward_passes == 3 * 6
    assert told.rows == len(found.model.facts) + 2
    assert "forward passes" in told._repr_html_()
    assert told.to_dict()["models"] == 3


# How it is told


def test_a_certificate_reads_itself_back(found):
    content = json.loads(json.dumps(found.to_dict()))
    assert Certificate.from_dict(content) == found


def test_a_certificate_says_what_it_is_and_is_not(found):
    words = found.words
    assert "All this is about the smoothed model, in L2, for exact answers." in words
    assert "Of the target, which has forgotten nothing" in words
    assert f"{found.model.retain.estimate:.3f}" in words
    assert "at risk 0.01 each" in words
    table = found._repr_html_()
    assert all(name in table for name in ("target", "never_learned", "excess over the target"))
    assert "retain under noise" in found.model._repr_html_()
    for text in (" ".join((Certificate.__doc__, certify.__doc__)),):
        assert all(part in text for part in ("without noise", "L2", "metric", "1902.02918"))
