"""The two controls of zeroth order: noise of the stated size, and steps that know nothing.

Both take R-AdaZO's rule, so after the first step the first moment is a tenth of what the rule was fed.
"""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.optim import AdaZO, NoiseMatched, RandomWalk

D = 20000


def slope(size=D, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dot(slope, weight):
    """A loss whose gradient is the slope, everywhere."""
    return lambda: torch.sum(slope * weight)


def fed_in_first_step(optimizer, weight):
    return optimizer.state[weight]["m"] / 0.1


def correlation(one, other):
    return torch.nn.functional.cosine_similarity(one, other, dim=0).item()


@pytest.mark.parametrize("queries", [1, 4])
def test_the_noise_has_the_gradients_square_over_the_queries_at_every_weight(queries):
    # a sample variance of 20,000 normals has a standard error of sqrt(2 / 20,000) = 1 % of it
    weight = torch.nn.Parameter(torch.zeros(D, dtype=torch.float64))
    weight.grad = slope()
    noisy = NoiseMatched([weight], lr=0.1, queries=queries)
    noisy.step()
    noise = fed_in_first_step(noisy, weight) - weight.grad
    stated = weight.grad.square().sum() / queries
    assert noise.square().mean() / stated == pytest.approx(1, abs=0.04)
    assert abs(noise.mean()) < 4 * (stated / D) ** 0.5
    assert abs(correlation(noise, weight.grad)) < 4 / D**0.5


def test_the_square_is_that_of_all_weights_together():
    small, large = (torch.nn.Parameter(torch.zeros(D, dtype=torch.float64)) for _ in range(2))
    small.grad, large.grad = slope() * 0.01, slope(seed=1)
    noisy = NoiseMatched([small, large], lr=0.1, queries=4)
    noisy.step()
    stated = (small.grad.square().sum() + large.grad.square().sum()) / 4
    for weight in (small, large):
        noise = fed_in_first_step(noisy, weight) - weight.grad
        assert noise.square().mean() / stated == pytest.approx(1, abs=0.04)
    assert abs(correlation(*(fed_in_first_step(noisy, w) for w in (small, large)))) < 4 / D**0.5


def test_the_noise_is_as_large_as_that_of_the_estimate_which_it_stands_for():
    # E ||noise||²: d / q of the gradient's square here, (d + 1) / q for AdaZO with normal directions
    weight, g = torch.nn.Parameter(torch.zeros(400, dtype=torch.float64)), slope(400)
    found = []
    for seed in range(60):
        adazo = AdaZO([weight], lr=1e-9, queries=4, directions="gaussian", seed=seed)
        adazo.step(dot(g, weight))
        found.append((fed_in_first_step(adazo, weight) - g).square().sum() / g.square().sum())
    ratios = torch.stack(found)
    assert abs(ratios.mean() - 401 / 4) < 4 * ratios.std() / 60**0.5
    noisy = NoiseMatched([weight], lr=1e-9, queries=4)
    weight.grad = g
    noisy.step()
    ratio = (fed_in_first_step(noisy, weight) - g).square().sum() / g.square().sum()
    assert abs(ratio - 400 / 4) < 4 * 100 * (2 / 400) ** 0.5


def test_every_step_and_every_seed_has_its_own_noise():
    weight = torch.nn.Parameter(torch.zeros(D, dtype=torch.float64))
    noises = []
    for seed in (0, 0, 1):
        noisy = NoiseMatched(
            [weight], lr=0.1, betas=(0.0, 0.99), seed=seed
        )  # without memory: m is what it is fed
        for _ in range(2):
            weight.grad = slope()
            noisy.step()
            noises.append(noisy.state[weight]["m"] - weight.grad)
    first, second, again, _, other, _ = noises
    assert torch.equal(first, again)
    for one in (second, other):
        assert abs(correlation(first, one)) < 4 / D**0.5


def test_a_gradient_of_nothing_gets_no_noise():
    weight = torch.nn.Parameter(torch.ones(5))
    weight.grad = torch.zeros(5)
    NoiseMatched([weight], lr=0.1).step()
    assert weight.tolist() == [1.0] * 5


def _sizes(cls, seed):
    """The root mean square of ten steps on a slope, where no estimate has to do with the one before."""
    weight, g = torch.nn.Parameter(torch.zeros(300, dtype=torch.float64)), slope(300)
    optimizer, places = cls([weight], lr=0.01, seed=seed), [weight.detach().clone()]
    for _ in range(10):
        optimizer.step(_closure(optimizer, dot(g, weight)))
        places.append(weight.detach().clone())
    return torch.stack(places).diff(dim=0).square().mean(dim=1).sqrt()


def test_a_random_walk_takes_steps_of_adazos_size():
    adazo, walk = (torch.stack([_sizes(cls, seed) for seed in range(6)]) for cls in (AdaZO, RandomWalk))
    # the first one is lr / sqrt(1 - b2) a weight, and those that follow shrink
    torch.testing.assert_close(walk[:, 0], torch.full((6,), 0.1, dtype=torch.float64), rtol=1e-3, atol=0)
    torch.testing.assert_close(adazo[:, 0], walk[:, 0], rtol=1e-3, atol=0)
    assert walk[:, 9].mean() < 0.06
    torch.testing.assert_close(adazo[:, 1:].mean(), walk[:, 1:].mean(), rtol=0.1, atol=0)


def test_a_random_walks_steps_have_nothing_to_do_with_the_gradient():
    weight, g = torch.nn.Parameter(torch.zeros(D, dtype=torch.float64)), slope()
    walk = RandomWalk([weight], lr=0.01)
    for _ in range(3):
        before = weight.detach().clone()
        walk.step(_closure(walk, dot(g, weight)))
        assert abs(correlation(weight - before, g)) < 4 / D**0.5


def test_a_random_walk_is_the_same_whatever_the_loss():
    ends = []
    for factor in (1.0, -7.0):
        weight = torch.nn.Parameter(torch.ones(10))
        walk = RandomWalk([weight], lr=0.01, seed=3)
        for _ in range(4):
            walk.step(_closure(walk, lambda w=weight, f=factor: f * w.pow(3).sum()))
        ends.append(weight)
    assert torch.equal(*ends)


def test_a_random_walk_also_moves_what_has_no_gradient_as_adazo_does():
    for cls in (AdaZO, RandomWalk):
        used, unused = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
        optimizer = cls([used, unused], lr=0.01)
        optimizer.step(_closure(optimizer, lambda w=used: w.square().sum()))
        assert (unused != 1).all()


@pytest.mark.parametrize(
    "options", [{"lr": 0.0}, {"queries": 0}, {"betas": (1.0, 0.9)}, {"seed": None}], ids=str
)
@pytest.mark.parametrize("name", ["noise_matched", "random_walk"])
def test_options_are_checked(name, options):
    with pytest.raises(BadInput, match=next(iter(options))):
        uk.optim.create(name, [torch.nn.Parameter(torch.zeros(2))], **options)


def _closure(optimizer, loss_of):
    """The kind of closure that the optimizer takes."""
    if optimizer.needs_closure == "loss":
        return loss_of

    def with_backward():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    return with_backward
