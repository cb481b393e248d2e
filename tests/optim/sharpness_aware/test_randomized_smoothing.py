"""Randomized smoothing: the mean gradient of a smoothed loss in closed form, and the noise itself."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import LossClosure, RandomizedSmoothing

PLAIN = {"base": "sgd", "max_grad_norm": None}


def gradient_of(loss_of, weight, **options):
    """What one step took for the gradient, and the loss that it told."""
    before = weight.detach().clone()
    loss = RandomizedSmoothing([weight], lr=1.0, **PLAIN, **options).step(lambda: loss_of(weight))
    return before - weight.detach(), loss.item()


def test_of_a_cubic_the_mean_gradient_is_that_of_the_smoothed_loss():
    # E 3 (x + s z)^2 = 3 x^2 + 3 s^2, with variance 9 (4 x^2 s^2 + 2 s^4); E (x + s z)^3 = x^3 + 3 x s^2
    x, s, samples, weights = 0.7, 0.5, 200, 1000
    weight = torch.nn.Parameter(torch.full((weights,), x, dtype=torch.float64))
    found, loss = gradient_of(lambda w: w.pow(3).sum(), weight, n_samples=samples, sigma=s)
    error = (9 * (4 * x**2 * s**2 + 2 * s**4) / (samples * weights)) ** 0.5
    assert abs(found.mean().item() - 3 * (x**2 + s**2)) < 4 * error
    assert error < 0.05 * 3 * s**2  # or 3 x^2 would pass, too
    assert loss / weights == pytest.approx(x**3 + 3 * x * s**2, rel=0.02)


def test_its_first_two_steps_are_these_by_hand():
    # f = w^4 / 4: the mean of cubes of the places that were looked at
    weight, seen = torch.nn.Parameter(torch.tensor([1.0, -2.0])), []
    smoothing = RandomizedSmoothing([weight], lr=0.1, n_samples=3, sigma=0.1, **PLAIN)

    def loss_of():
        seen.append(weight.detach().clone())
        return weight.pow(4).sum() / 4

    for step in range(2):
        before = weight.detach().clone()
        loss = smoothing.step(loss_of)
        looked = torch.stack(seen[3 * step :])
        assert torch.allclose(weight, before - 0.1 * looked.pow(3).mean(dim=0))
        assert loss.item() == pytest.approx((looked.pow(4).sum(dim=1) / 4).mean().item())
        assert not any(torch.equal(place, before) for place in looked)
    assert len(seen) == 6


def test_each_sample_each_step_and_each_weight_has_noise_of_its_own():
    first, second = (torch.nn.Parameter(torch.zeros(2000)) for _ in range(2))
    seen, smoothing = [], RandomizedSmoothing([first, second], lr=1e-30, n_samples=3, sigma=0.01, **PLAIN)

    def loss_of():
        seen.extend([first.detach().clone(), second.detach().clone()])
        return (first + second).sum()

    for _ in range(2):
        smoothing.step(loss_of)
    noise = torch.stack(seen)
    assert noise.shape == (12, 2000)
    assert noise.std(dim=1).tolist() == pytest.approx([0.01] * 12, rel=0.1)
    alike = torch.corrcoef(noise) - torch.eye(12)
    assert alike.abs().max() < 0.1


def test_antithetic_pairs_leave_nothing_of_what_is_linear():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    found, _ = gradient_of(lambda w: w.square().sum(), weight, n_samples=4, sigma=0.5, antithetic=True)
    assert found.tolist() == pytest.approx([2.0, -4.0], rel=1e-14)
    again = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    rough, _ = gradient_of(lambda w: w.square().sum(), again, n_samples=4, sigma=0.5)
    assert (rough - torch.tensor([2.0, -4.0])).abs().max() > 0.05


def test_antithetic_pairs_differ_from_each_other():
    weight, seen = torch.nn.Parameter(torch.zeros(3)), []
    smoothing = RandomizedSmoothing([weight], n_samples=4, sigma=0.5, antithetic=True)
    smoothing.step(lambda: seen.append(weight.detach().clone()) or weight.sum())
    assert torch.equal(seen[0], -seen[1])
    assert torch.equal(seen[2], -seen[3])
    assert not torch.equal(seen[0].abs(), seen[2].abs())


def test_a_group_has_its_own_noise_level():
    quiet, loud = (torch.nn.Parameter(torch.zeros(2000)) for _ in range(2))
    seen = []
    groups = [{"params": [quiet], "sigma": 0.001}, {"params": [loud]}]
    smoothing = RandomizedSmoothing(groups, n_samples=1, sigma=0.1)
    smoothing.step(lambda: seen.append((quiet.std().item(), loud.std().item())) or (quiet + loud).sum())
    assert seen[0] == pytest.approx((0.001, 0.1), rel=0.1)


def test_on_the_forget_term_its_step_is_this_by_hand():
    # f = -w^3, r = 5 w^2: the mean of -3 w^2 where it was looked at, and 10 w at the weights
    weight, seen = torch.nn.Parameter(torch.tensor([0.6, 0.8])), []

    def part(name, of):
        return lambda: seen.append((name, weight.detach().clone())) or of(weight).sum()

    closure = LossClosure(
        part("loss", lambda w: 5 * w**2 - w**3),
        forget=part("forget", lambda w: -(w**3)),
        retain=part("retain", lambda w: 5 * w**2),
    )
    start = weight.detach().clone()
    RandomizedSmoothing([weight], lr=0.1, sigma=0.3, on="forget", **PLAIN).step(closure)
    assert [name for name, _ in seen] == ["forget"] * 3 + ["retain"]
    assert torch.equal(seen[3][1], start)
    looked = torch.stack([place for _, place in seen[:3]])
    assert torch.allclose(weight, start - 0.1 * (10 * start - 3 * looked.square().mean(dim=0)))


@pytest.mark.parametrize(
    "options", [{"sigma": -1.0}, {"n_samples": 0}, {"n_samples": 3, "antithetic": True}, {"seed": 0.5}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        RandomizedSmoothing([torch.nn.Parameter(torch.zeros(1))], **options)
