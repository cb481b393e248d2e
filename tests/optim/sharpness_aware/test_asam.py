"""ASAM against hand arithmetic, another library, and what it is for: rescaled weights."""

from __future__ import annotations

import math

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import ASAM, SAM

PLAIN = {"base": "sgd", "max_grad_norm": None}
STEEP = torch.tensor([1.0, 4.0])


def places(make, start=(3.0, -1.0), scale=(1.0, 1.0), steps=1):
    """Where a quadratic of rescaled weights was looked at, in the units of the weights that are not."""
    weight, scale, seen = (
        torch.nn.Parameter(torch.tensor(start) / torch.tensor(scale)),
        torch.tensor(scale),
        [],
    )

    def loss_of():
        seen.append((weight.detach() * scale).tolist())
        return ((weight * scale).square() * STEEP).sum() / 2

    optimizer = make([weight])
    for _ in range(steps):
        optimizer.step(loss_of)
    return seen, weight.detach()


def test_its_first_two_steps_are_these_by_hand():
    # f = (x^2 + 4 y^2) / 2 at (3, -1), eta = 1: T = (4, 2), g = (3, -4), T g = (12, -8), T^2 g = (48, -16)
    seen, weight = places(lambda w: ASAM(w, lr=0.1, rho=0.5, eta=1.0, **PLAIN), steps=2)
    length = math.hypot(12, 8)
    there = [3 + 0.5 * 48 / length, -1 - 0.5 * 16 / length]
    assert seen[1] == pytest.approx(there)
    x, y = 3 - 0.1 * there[0], -1 - 0.1 * 4 * there[1]
    assert seen[2] == pytest.approx([x, y])
    # y is positive now; T is that of the new weights
    t, g = (abs(x) + 1, abs(y) + 1), (x, 4 * y)
    length = math.hypot(t[0] * g[0], t[1] * g[1])
    there = [x + 0.5 * t[0] ** 2 * g[0] / length, y + 0.5 * t[1] ** 2 * g[1] / length]
    assert seen[3] == pytest.approx(there)
    assert weight.tolist() == pytest.approx([x - 0.1 * there[0], y - 0.1 * 4 * there[1]])


def test_rescaled_weights_are_looked_at_in_the_same_place():
    # what SAM is not: of one function, written with weights of another size, another place
    (_, plain), _ = places(lambda w: ASAM(w, rho=0.5, eta=0.0))
    (_, scaled), _ = places(lambda w: ASAM(w, rho=0.5, eta=0.0), scale=(0.01, 30.0))
    assert scaled == pytest.approx(plain, rel=1e-5)
    (_, plain), _ = places(lambda w: SAM(w, rho=0.5))
    (_, scaled), _ = places(lambda w: SAM(w, rho=0.5), scale=(0.01, 30.0))
    assert scaled != pytest.approx(plain, rel=0.1)


def test_eta_keeps_weights_of_zero_in_reach():
    (_, with_eta), _ = places(lambda w: ASAM(w, rho=0.5, eta=0.1), start=(0.0, 1.0))
    assert with_eta[0] == 0.0  # no slope there
    weight, seen = torch.nn.Parameter(torch.zeros(2)), []
    ASAM([weight], rho=0.5, eta=0.1).step(lambda: seen.append(weight.tolist()) or weight.sum())
    assert seen[1] == pytest.approx([0.5 * 0.1 / 2**0.5] * 2)


@pytest.mark.parametrize("base", ["sgd", "adam"])
def test_without_eta_it_takes_the_steps_of_pytorch_optimizers_adaptive_sam(base):
    # theirs has no eta; in the paper's formula it is added to |theta|
    other = pytest.importorskip("pytorch_optimizer")
    draw = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=draw) for shape in ((8, 4), (8,))]
    inputs = torch.randn(16, 4, generator=draw)
    ours, theirs = ([torch.nn.Parameter(weight.clone()) for weight in start] for _ in range(2))

    def loss_of(weights):
        return torch.tanh(inputs @ weights[0].T + weights[1]).sum(dim=1).square().mean()

    asam = ASAM(ours, lr=0.01, rho=0.5, eta=0.0, base=base, max_grad_norm=None)
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[base]
    peer = other.SAM(theirs, rule, rho=0.5, adaptive=True, lr=0.01)

    def closure():
        peer.zero_grad()
        loss = loss_of(theirs)
        loss.backward()
        return loss

    for _ in range(10):
        asam.step(lambda: loss_of(ours))
        closure()
        peer.step(closure)
    for mine, others in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, others, rtol=1e-5, atol=1e-6)


def test_a_group_may_be_left_unscaled_as_the_authors_code_leaves_biases():
    # T = (|3| + 0, 1), g = (3, -4)
    matrix, bias, seen = torch.nn.Parameter(torch.tensor([3.0])), torch.nn.Parameter(torch.tensor([-1.0])), []

    def loss_of():
        seen.append([matrix.item(), bias.item()])
        return (matrix.square() + 4 * bias.square()).sum() / 2

    groups = [{"params": [matrix]}, {"params": [bias], "adaptive": False}]
    ASAM(groups, rho=0.5, eta=0.0).step(loss_of)
    length = math.hypot(9, 4)
    assert seen[1] == pytest.approx([3 + 0.5 * 27 / length, -1 - 0.5 * 4 / length])


def test_unscaled_everywhere_it_is_sam_to_the_bit():
    seen, weight = places(lambda w: ASAM(w, rho=0.05, adaptive=False), steps=3)
    same, other = places(lambda w: SAM(w, rho=0.05), steps=3)
    assert seen == same
    assert torch.equal(weight, other)


@pytest.mark.parametrize("options", [{"rho": -0.1}, {"eta": -1.0}, {"adaptive": "yes"}, {"on": "all"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        ASAM([torch.nn.Parameter(torch.zeros(1))], **options)
