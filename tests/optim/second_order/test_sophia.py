"""Sophia by hand, and against pytorch-optimizer's SophiaH on the same draws."""

from __future__ import annotations

import copy

import pytest
import pytorch_optimizer
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName, WrongClosure
from unlearnkit.optim import LossClosure, Sophia, hutchinson

HALVES = {"betas": (0.5, 0.5), "gamma": 1.0, "max_grad_norm": None}


def one_weight(value):
    return torch.nn.Parameter(torch.tensor([value], dtype=torch.float64))


def coupled(seed=0):
    """Six weights in two tensors, and a loss whose Hessian is not diagonal, with curvatures of both signs."""
    draw = torch.Generator().manual_seed(seed)
    weights = [torch.nn.Parameter(torch.randn(n, generator=draw, dtype=torch.float64)) for n in (4, 2)]
    mix = torch.randn(6, 6, generator=draw, dtype=torch.float64)

    def loss():
        turned = mix @ torch.cat(weights)
        return turned.square()[:4].sum() + turned.cos().sum() - turned[4:].square().sum()

    return loss, weights


def test_three_steps_by_hand():
    # f = 2 x², so g = 4 x and ĥ = 4; halves for both averages, decay 0.5, an estimate at steps 1 and 3
    weight = one_weight(0.25)
    sophia = Sophia([weight], lr=0.1, every=2, weight_decay=0.5, **HALVES)
    places = []
    for _ in range(3):
        assert sophia.step(lambda: 2 * weight.square().sum()).item() == 2 * (places or [0.25])[-1] ** 2
        places.append(weight.item())
    # g 1, m 0.5, h 2, ratio 0.25:                  0.25 * 0.95 - 0.025
    # g 0.85, m 0.25 + 0.425, h still 2, 0.3375:    0.2125 * 0.95 - 0.03375
    # g 0.6725, m 0.3375 + 0.33625, h 1 + 2:        0.168125 * 0.95 - 0.1 * 0.67375 / 3
    assert places == pytest.approx([0.2125, 0.168125, 0.15971875 - 0.0673750 / 3], rel=1e-12)
    assert (sophia.steps_taken, sophia.clipped_share) == (3, 0.0)


def test_no_weight_moves_by_more_than_the_rate():
    # g 1000, m 500, h 0.5: the ratio is 1000
    weight = one_weight(1000.0)
    sophia = Sophia([weight], lr=0.1, **HALVES)
    sophia.step(lambda: 0.5 * weight.square().sum())
    assert weight.item() == pytest.approx(999.9, rel=1e-12)
    assert sophia.clipped_share == 1.0


def test_where_the_curvature_is_negative_it_steps_by_the_sign():
    # f = -2 x², g = -0.4, ĥ = -4; |h| instead of max(h, eps) would step by 0.1 * 0.2 / 2
    weight = one_weight(0.1)
    sophia = Sophia([weight], lr=0.1, **HALVES)
    sophia.step(lambda: -2 * weight.square().sum())
    assert weight.item() == pytest.approx(0.2, rel=1e-12)
    assert sophia.clipped_share == 1.0


def test_decay_is_apart_from_the_gradient():
    weight = torch.nn.Parameter(torch.tensor([10.0, 1.0]))
    sophia = Sophia([weight], lr=0.1, weight_decay=0.5)
    sophia.step(lambda: weight[1] - 0.1 * weight[0])  # in the gradient it would turn the first step around
    assert weight.tolist() == pytest.approx([10 * 0.95 + 0.1, 0.95 - 0.1])


def test_the_share_of_coordinates_that_clip_is_told():
    # ratios 3, 0.5, 0 and -1: what is exactly at 1 moves by the rate, too
    weight = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
    sophia = Sophia([weight], lr=0.1, betas=(0.0, 0.0), gamma=1.0, max_grad_norm=None)
    assert sophia.clipped_share is None
    pulls = torch.tensor([3.0, 0.5, 0.0, -1.0], dtype=torch.float64)
    sophia.step(lambda: weight.square().sum() / 2 + pulls @ weight)
    assert weight.tolist() == pytest.approx([-0.1, -0.05, 0.0, 0.1])
    assert sophia.clipped_share == 0.5


def test_from_labels_that_the_model_draws_by_hand():
    # a sampled loss 0.5 x of 8 labels: ĥ = 8 * 0.25 = 2, h 1; g 1, m 0.5, ratio 0.5
    weight = one_weight(0.25)
    sophia = Sophia([weight], lr=0.1, estimator="gauss_newton_bartlett", every=2, **HALVES)
    drawn = []
    closure = LossClosure(
        lambda: 2 * weight.square().sum(), sampled=lambda source: drawn.append(1) or (weight.sum() / 2, 8)
    )
    sophia.step(closure)
    assert weight.item() == pytest.approx(0.25 - 0.05, rel=1e-12)
    # g 0.8, m 0.25 + 0.4, h still 1
    sophia.step(closure)
    assert weight.item() == pytest.approx(0.2 - 0.065, rel=1e-12)
    assert drawn == [1]


def test_the_defaults_are_the_papers():
    weights = [torch.nn.Parameter(torch.zeros(1))]
    for name, gamma in (("sophia", 0.01), ("sophia_g", 0.05)):
        sophia = uk.optim.create(name, weights)
        group = sophia.param_groups[0]
        assert (group["betas"], group["eps"], group["gamma"]) == ((0.96, 0.99), 1e-12, gamma)
        assert (sophia.every, sophia.max_grad_norm) == (10, 1.0)


@pytest.mark.parametrize("foreach", [False, True])
def test_it_steps_like_pytorch_optimizers_on_the_same_estimates(foreach):
    # Theirs is the paper's first version: clip(m / max(h, eps), p), so lr is theirs times p, and gamma is p.
    # Decay goes with the rate. Theirs draws Gaussian directions from the global state: ours are handed over.
    loss, weights = coupled()
    theirs_at = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
    rate, p = 0.002, 5.0
    ours = Sophia(weights, lr=rate * p, gamma=p, every=3, eps=p * 1e-12, weight_decay=0.1, max_grad_norm=None)
    theirs = pytorch_optimizer.SophiaH(
        theirs_at, lr=rate, betas=(0.96, 0.99), p=p, update_period=3, weight_decay=0.1 * p, foreach=foreach
    )
    shares = []
    for step in range(10):
        _, gradient, diagonal = hutchinson(loss, weights, seed=0, step=step, name="theirs")
        for weight, part in zip(theirs_at, gradient, strict=True):
            weight.grad = part.clone()
        theirs.step(hessian=diagonal if step % 3 == 0 else None)
        ours.step(loss)
        shares.append(ours.clipped_share)
        for one, other in zip(weights, theirs_at, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert 0 < sum(shares) / 10 < 1  # both sides of the clip were seen


def test_a_gradient_longer_than_the_limit_is_shortened_as_torch_does():
    loss, weights = coupled()
    gradient = torch.autograd.grad(loss(), weights)
    sophia = Sophia(weights, lr=1e-3, betas=(0.0, 0.5), max_grad_norm=0.5)
    sophia.step(loss)
    for weight, part in zip(weights, gradient, strict=True):
        weight.grad = part
    assert torch.nn.utils.clip_grad_norm_(weights, 0.5) > 1
    for weight in weights:
        assert torch.equal(sophia.state[weight]["m"], weight.grad)


def test_its_seed_decides_where_a_coupled_loss_takes_it():
    ends = []
    for seed in (3, 3, 4):
        loss, weights = coupled()
        sophia = Sophia(weights, lr=0.01, gamma=100.0, seed=seed)
        for _ in range(3):
            sophia.step(loss)
        ends.append(torch.cat(weights))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_a_saved_state_goes_on_with_the_same_draws():
    loss, weights = coupled()
    straight = Sophia(weights, lr=0.01, gamma=100.0, every=2)
    for _ in range(3):
        straight.step(loss)
    loss_there, places = coupled()
    broken = Sophia(places, lr=0.01, gamma=100.0, every=2)
    broken.load_state_dict(copy.deepcopy(straight.state_dict()))
    assert broken.clipped_share == straight.clipped_share
    with torch.no_grad():
        for place, weight in zip(places, weights, strict=True):
            place.copy_(weight)
    for _ in range(3):
        straight.step(loss)
        broken.step(loss_there)
    assert torch.equal(torch.cat(places), torch.cat(weights))


def test_what_it_costs_is_counted():
    for name, extra, passes in (("sophia", 8.0, 20), ("sophia_g", 0.0, 22)):
        weight, calls = torch.nn.Parameter(torch.ones(2)), []
        sophia = uk.optim.create(name, [weight], lr=0.01)

        def loss(weight=weight, calls=calls):
            calls.append(1)
            return weight.square().sum()

        for _ in range(20):
            sophia.step(LossClosure(loss, sampled=lambda source, loss=loss: (loss(), 4)))
        assert (sophia.extra_forward_equivalents, len(calls)) == (extra, passes)
        average = (3 * passes + extra) / 20
        assert average == sophia.forward_equivalents == uk.optim.find(name).forward_equivalents


def test_a_weight_that_the_loss_does_not_know_stays_and_is_not_counted():
    used, unused = one_weight(1.0), one_weight(1.0)
    sophia = Sophia([used, unused], lr=0.1, every=1, weight_decay=0.5, **HALVES | {"gamma": 1e-6})
    sophia.step(lambda: used.square().sum())
    assert (used.item(), unused.item()) == pytest.approx((0.85, 1.0))
    assert sophia.clipped_share == 1.0


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_sampled_part_that_is_broken_off_leaves_everything_as_it_was(fault):
    weight = torch.nn.Parameter(torch.ones(2))
    sophia = uk.optim.create("sophia_g", [weight], lr=0.01, every=1)
    told = LossClosure(lambda: weight.square().sum(), sampled=lambda source: (weight.square().sum(), 3))
    sophia.step(told)
    before, state = weight.detach().clone(), str(sophia.state_dict())

    def broken_off(source):
        raise fault

    with pytest.raises(fault):
        sophia.step(LossClosure(told.loss, sampled=broken_off))
    assert torch.equal(weight, before)
    assert str(sophia.state_dict()) == state


def test_a_plain_closure_is_refused_before_it_is_called():
    weight, calls = torch.nn.Parameter(torch.ones(2)), []
    sophia = uk.optim.create("sophia_g", [weight], lr=0.01)
    with pytest.raises(WrongClosure, match="sampled part"):
        sophia.step(lambda: calls.append(1))
    assert not calls


@pytest.mark.parametrize(
    "options",
    [
        {"every": 0},
        {"gamma": 0.0},
        {"betas": (0.9, 1.0)},
        {"eps": -1.0},
        {"max_grad_norm": 0.0},
        {"seed": 0.5},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        Sophia([torch.nn.Parameter(torch.ones(2))], **options)


def test_an_unknown_estimator_lists_the_known_ones():
    with pytest.raises(UnknownName, match="hutchinson, gauss_newton_bartlett"):
        Sophia([torch.nn.Parameter(torch.ones(2))], estimator="fisher")
