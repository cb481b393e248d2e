"""Mixing back to a set retention: exact at its ends, and it says when nothing is left to compare."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.metrics import references
from unlearnkit.unlearning import between, mix, noise_then_retain
from unlearnkit.unlearning.status import RETAIN_FLOOR


def test_both_ends_are_exact_and_the_middle_is_the_mean(toy, make_llama, same_bits):
    one, other = toy.model, make_llama(1)
    assert same_bits(between(one, other, 0), one)
    assert same_bits(between(one, other, 1), other)
    for mixed, a, b in zip(
        between(one, other, 0.5).parameters(), one.parameters(), other.parameters(), strict=True
    ):
        torch.testing.assert_close(mixed.double(), (a.double() + b.double()) / 2, rtol=0, atol=1e-6)


def test_neither_model_changes(lab, fingerprint):
    before = fingerprint(lab.model), fingerprint(lab.never_learned)
    between(lab.model, lab.never_learned, 0.3)
    assert (fingerprint(lab.model), fingerprint(lab.never_learned)) == before


def test_a_model_that_keeps_enough_is_not_mixed(lab, same_bits):
    mixed = mix(lab.never_learned, lab)
    assert mixed.share == 1.0
    assert same_bits(mixed.model, lab.never_learned)
    assert mixed.status == "forgotten"


def test_where_forgetting_is_lost_on_the_way_it_says_unmatched(lab):
    assert mix(lab.model, lab).status == "unmatched"


@pytest.mark.slow
def test_a_wrecked_model_is_mixed_back_until_it_keeps_the_level_and_no_further(lab, noisy):
    wrecked = noisy(lab.model, 0.08)
    level = 0.9
    wanted = level * references(lab).target.knowmem_retain
    mixed = mix(wrecked, lab, level=level)
    assert 0 < mixed.share < 1
    assert mixed.scores.knowmem_retain >= wanted
    further = mix(wrecked, lab, level=0.5)
    assert further.share > mixed.share
    assert mixed.status == "unmatched"  # noise had forgotten nothing in particular


@pytest.mark.parametrize("level", [0, -1, 1.1, float("nan")])
def test_a_level_that_is_no_share_is_refused(lab, level):
    with pytest.raises(BadInput, match="level"):
        mix(lab.model, lab, level=level)


def test_noise_then_retain_starts_from_noise_and_counts_its_distance_from_the_target(toy, same_bits):
    run = noise_then_retain(toy, sigma=0.02, lr=1e-9, steps=1, progress=False)
    weights = sum(weight.numel() for weight in toy.model.parameters())
    assert run.cost.distance_l2 == pytest.approx(0.02 * weights**0.5, rel=0.02)
    assert run.config.objective_options == {"forget_weight": 0.0}
    again = noise_then_retain(toy, sigma=0.02, lr=1e-9, steps=1, progress=False)
    assert same_bits(run.model, again.model)
    assert run.id == again.id
    other = noise_then_retain(toy, sigma=0.03, lr=1e-9, steps=1, progress=False)
    assert other.id != run.id


@pytest.mark.slow
def test_noise_alone_wrecks_and_training_on_the_rest_mends(lab):
    wrecked = noise_then_retain(lab, sigma=0.05, steps=1, progress=False)
    mended = noise_then_retain(lab, sigma=0.05, steps=60, lr=1e-3, progress=False)
    floor = RETAIN_FLOOR * references(lab).target.knowmem_retain
    assert wrecked.scores.knowmem_retain < floor
    assert mended.scores.knowmem_retain > wrecked.scores.knowmem_retain + 0.1


@pytest.mark.parametrize("options", [{"sigma": 0}, {"sigma": -1.0}, {"lr": 0}, {"steps": 0}, {"seed": 0.5}])
def test_bad_settings_are_refused(toy, options):
    with pytest.raises(BadInput):
        noise_then_retain(toy, progress=False, **options)
