"""The sign family: first steps by hand, and what is the same as what."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.optim import SignAdam, SignSGD, Signum

GRADIENTS = np.random.default_rng(0).normal(size=(12, 50))


def walk(optimizer, weight, gradients):
    """The weights after each of the given gradients."""
    places = []
    for gradient in gradients:
        weight.grad = torch.tensor(gradient, dtype=weight.dtype)
        optimizer.step()
        places.append(weight.detach().clone())
    return places


def fresh(size=50, dtype=torch.float64):
    return torch.nn.Parameter(torch.linspace(-1, 1, size, dtype=dtype))


def test_signsgd_moves_every_weight_by_the_rate_against_its_gradient():
    weight = torch.nn.Parameter(torch.tensor([1.0, 1.0, 1.0, 1.0]))
    walk(SignSGD([weight], lr=0.25), weight, [[1e-20, -1e20, 0.0, 3.0], [1.0, 1.0, 1.0, -1.0]])
    assert weight.tolist() == [0.5, 1.0, 0.75, 1.0]


def test_signum_by_hand_over_three_steps():
    # m: 0.2, then 0.8 * 0.2 - 0.2 * 0.7 = 0.02, then 0.8 * 0.02 - 0.2 * 0.1 = -0.004
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = Signum([weight], lr=1.0, momentum=0.8)
    assert [place.item() for place in walk(optimizer, weight, [[1.0], [-0.7], [-0.1]])] == [-1.0, -2.0, -1.0]
    assert optimizer.state[weight]["momentum"].item() == pytest.approx(-0.004)


def test_signum_is_the_formula_in_numpy():
    weight, start = fresh(), fresh().detach().numpy()
    optimizer = Signum([weight], lr=0.01, momentum=0.7, weight_decay=0.3)
    places = walk(optimizer, weight, GRADIENTS)
    theta, momentum = start.copy(), np.zeros(50)
    for place, gradient in zip(places, GRADIENTS, strict=True):
        momentum = 0.7 * momentum + 0.3 * gradient
        theta = theta * (1 - 0.01 * 0.3) - 0.01 * np.sign(momentum)
        np.testing.assert_allclose(place.numpy(), theta, rtol=1e-12)


def test_signum_without_momentum_is_signsgd():
    one, other = fresh(), fresh()
    signum = walk(Signum([one], lr=0.01, momentum=0.0, weight_decay=0.1), one, GRADIENTS)
    signsgd = walk(SignSGD([other], lr=0.01, weight_decay=0.1), other, GRADIENTS)
    assert all(torch.equal(a, b) for a, b in zip(signum, signsgd, strict=True))


def test_momentum_is_not_forgotten():
    # eleven steps against, one with: the average still points the old way, the gradient does not
    one, other = fresh(1), fresh(1)
    gradients = [[1.0]] * 11 + [[-1.0]]
    remembered, forgotten = Signum([one], lr=0.1), SignSGD([other], lr=0.1)
    with_memory, without = walk(remembered, one, gradients), walk(forgotten, other, gradients)
    assert with_memory[-1] < with_memory[-2]
    assert without[-1] > without[-2]


def test_signadam_steps_along_the_sign_of_torchs_adam():
    # Adam's own first moment, and its own step, from torch: 2510.00761 compresses its direction to one bit
    ours, theirs = fresh(), fresh()
    signadam = SignAdam([ours], lr=1e-3)
    adam = torch.optim.Adam([theirs], lr=1e-3, betas=(0.9, 0.999))
    for gradient in GRADIENTS:
        before = [ours.detach().clone(), theirs.detach().clone()]
        walk(signadam, ours, [gradient])
        walk(adam, theirs, [gradient])
        steps = [ours.detach() - before[0], theirs.detach() - before[1]]
        assert torch.equal(steps[0].sign(), steps[1].sign())
        assert torch.equal(steps[0].sign(), -adam.state[theirs]["exp_avg"].sign())
        torch.testing.assert_close(signadam.state[ours]["momentum"], adam.state[theirs]["exp_avg"])
        torch.testing.assert_close(steps[0].abs(), torch.full_like(ours, 1e-3))


def test_signadam_is_signum_under_another_name():
    assert SignAdam is Signum
    assert type(uk.optim.create("signadam", [fresh()], lr=0.1)) is Signum


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_it_is_pytorch_optimizers_signsgd_which_is_signum_by_default(momentum):
    # one class there, whose momentum is 0.9 unless told otherwise: its default is our Signum, not our SignSGD
    library = pytest.importorskip("pytorch_optimizer")
    ours, theirs = fresh(), fresh()
    signum = Signum([ours], lr=0.01, momentum=momentum) if momentum else SignSGD([ours], lr=0.01)
    first = walk(signum, ours, GRADIENTS)
    second = walk(library.SignSGD([theirs], lr=0.01, momentum=momentum), theirs, GRADIENTS)
    for mine, other in zip(first, second, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-14)
    assert library.SignSGD([theirs]).defaults["momentum"] == 0.9


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (SignSGD, {"lr": 0.0}, "lr must be"),
        (SignSGD, {"lr": float("nan")}, "lr must be"),
        (Signum, {"momentum": 1.0}, "momentum must be between 0"),
        (Signum, {"momentum": -0.1}, "momentum must be between 0"),
        (Signum, {"weight_decay": -1.0}, "weight_decay must be"),
    ],
)
def test_options_are_checked(cls, options, message):
    with pytest.raises(BadInput, match=message):
        cls([fresh()], **options)


@pytest.mark.parametrize("cls", [SignSGD, Signum])
def test_options_are_named(cls):
    with pytest.raises(TypeError):
        cls([fresh()], 0.1, 0.9)
