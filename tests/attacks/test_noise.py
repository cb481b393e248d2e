"""Gaussian weight noise: its law, its reach, and what it does to knowledge."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest

from unlearnkit.attacks import add_noise
from unlearnkit.errors import BadInput
from unlearnkit.metrics import answer


def test_it_is_gaussian_of_the_given_deviation_on_every_weight(lab):
    noisy = add_noise(lab.model, sigma=0.02, seed=1)
    changes = [(n - o).detach() for n, o in zip(noisy.parameters(), lab.model.parameters(), strict=True)]
    assert all((change != 0).float().mean() > 0.99 for change in changes)
    together = torch.cat([change.flatten() for change in changes])
    assert together.std().item() == pytest.approx(0.02, rel=0.01)  # 0.5 million draws: 0.1 % is one sigma
    assert kstest(together[:20_000].numpy() / 0.02, "norm").pvalue > 1e-3
    # no parameter meets another's noise
    same_size = [change.flatten() for change in changes if change.numel() == changes[-2].numel()]
    assert not torch.allclose(same_size[0], same_size[1])


def test_the_same_seed_scales_the_same_directions(toy):
    small, large = (add_noise(toy.model, sigma=sigma, seed=4) for sigma in (0.01, 0.02))
    for one, two, old in zip(small.parameters(), large.parameters(), toy.model.parameters(), strict=True):
        torch.testing.assert_close(two - old, 2 * (one - old), rtol=1e-4, atol=1e-6)


def test_half_precision_is_moved_in_float32(make_llama):
    half = make_llama(0).to(torch.bfloat16)
    noisy, whole = (
        add_noise(half, sigma=0.05),
        add_noise(make_llama(0).to(torch.bfloat16).float(), sigma=0.05),
    )
    for ours, theirs in zip(noisy.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs.to(torch.bfloat16))


def test_little_noise_leaves_knowledge_and_much_wrecks_it(lab):
    questions = lab.retain.questions[:200]
    shares = [
        sum(answer(add_noise(lab.model, sigma=sigma), lab.tokenizer, questions).right) / 200
        for sigma in (0.001, 0.1)
    ]
    assert shares[0] == 1.0
    assert shares[1] < 0.3


@pytest.mark.parametrize("sigma", [0, -0.1, float("nan"), float("inf"), "0.1", True, None])
def test_bad_deviations_are_refused(sigma, toy):
    with pytest.raises(BadInput, match="sigma must be a finite number above 0"):
        add_noise(toy.model, sigma=sigma)


def test_a_bad_seed_is_refused(toy):
    with pytest.raises(BadInput, match="seed must be"):
        add_noise(toy.model, sigma=0.1, seed=0.5)
