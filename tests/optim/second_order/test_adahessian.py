"""AdaHessian by hand, and against pytorch-optimizer's on the same draws."""

from __future__ import annotations

import copy

import pytest
import pytorch_optimizer
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import AdaHessian, hutchinson
from unlearnkit.optim.second_order.adahessian import averaged

RULE = {"lr": 0.1, "betas": (0.5, 0.75), "max_grad_norm": None, "eps": 1e-12}


def one_weight(value=1.0):
    return torch.nn.Parameter(torch.tensor([value], dtype=torch.float64))


def valley(weight, curvature):
    return lambda: curvature / 2 * weight.square().sum()


def coupled(seed=0):
    draw = torch.Generator().manual_seed(seed)
    weights = [torch.nn.Parameter(torch.randn(n, generator=draw, dtype=torch.float64)) for n in (4, 2)]
    mix = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    return lambda: (mix @ torch.cat(weights)).cos().sum() + torch.cat(weights).square().sum(), weights


def test_two_steps_by_hand():
    weight = one_weight()
    adahessian = AdaHessian([weight], **RULE)
    # g 4, m 2, corrected 4; D 4, v 4, corrected 16, root 4: one tenth of Newton's step
    adahessian.step(valley(weight, 4.0))
    assert weight.item() == pytest.approx(0.9, rel=1e-9)
    # g 7.2, m 1 + 3.6, corrected by 0.75; D 8, v 3 + 16, corrected by 0.4375, root 6.590036
    adahessian.step(valley(weight, 8.0))
    assert weight.item() == pytest.approx(0.9 - 0.1 * (4.6 / 0.75) / 6.5900358, rel=1e-7)
    assert adahessian.extra_forward_equivalents == 8


@pytest.mark.parametrize(("power", "root"), [(1.0, 16.0), (0.5, 4.0), (0.25, 2.0)])
def test_the_power_is_of_the_curvature(power, root):
    weight = one_weight()
    AdaHessian([weight], power=power, **RULE).step(valley(weight, 16.0))
    assert weight.item() == pytest.approx(1 - 0.1 * 16 / root, rel=1e-9)


def test_a_negative_curvature_counts_like_a_positive_one():
    weight = one_weight()
    AdaHessian([weight], **RULE).step(valley(weight, -4.0))
    assert weight.item() == pytest.approx(1.1, rel=1e-9)


def test_decay_is_apart_from_the_gradient():
    weight = one_weight()
    AdaHessian([weight], weight_decay=0.5, **RULE).step(valley(weight, 4.0))
    assert weight.item() == pytest.approx(0.95 - 0.1, rel=1e-9)


def test_estimates_in_between_are_kept_and_the_correction_counts_them_only():
    # v stays 4 and its correction 0.25 at step 2; at step 3 it is 3 + 4 by 0.4375: of a constant 4, always 4
    weight = one_weight()
    adahessian = AdaHessian([weight], every=2, **RULE)
    places, m = [1.0], 0.0
    for step in (1, 2, 3):
        m = 0.5 * m + 0.5 * 4 * places[-1]
        places.append(places[-1] - 0.1 * m / (1 - 0.5**step) / 4)
        adahessian.step(valley(weight, 4.0))
        assert weight.item() == pytest.approx(places[-1], rel=1e-9)
        assert adahessian.extra_forward_equivalents == {1: 4, 2: 4, 3: 8}[step]
    assert (adahessian.forward_equivalents, AdaHessian([weight]).forward_equivalents) == (5.0, 7.0)


def test_a_weight_that_is_added_later_waits_for_an_estimate():
    # without one it would be divided by a curvature of zero
    old, new = one_weight(), one_weight()
    adahessian = AdaHessian([old], every=2, **RULE)
    adahessian.step(valley(old, 4.0))
    adahessian.add_param_group({"params": [new]})
    places = []
    for _ in range(2):
        adahessian.step(lambda: 2 * (old.square() + new.square()).sum())
        places.append(new.item())
    assert places == pytest.approx([1.0, 0.9], rel=1e-9)


def test_a_weight_that_the_loss_does_not_know_stays_and_is_not_estimated_for():
    used, unused = one_weight(), one_weight()
    adahessian = AdaHessian([used, unused], every=2, weight_decay=0.5, **RULE)
    for _ in range(4):
        adahessian.step(valley(used, 4.0))
    assert (unused.item(), adahessian.extra_forward_equivalents) == (1.0, 8.0)


def test_the_mean_of_neighbours_keeps_signs_and_order():
    # unlike the authors' code, which averages |D|, and like the paper's formula
    given = torch.tensor([[4.0, -4.0, 3.0], [5.0, 7.0, 9.0]])
    assert averaged(given, 2).tolist() == [[0.0, 0.0, 4.0], [4.0, 8.0, 8.0]]
    assert averaged(given, 4).tolist() == [[2.0, 2.0, 2.0], [2.0, 8.0, 8.0]]
    assert averaged(given, 100).tolist() == [[4.0] * 3] * 2
    assert averaged(given, 1).tolist() == averaged(given, None).tolist() == given.tolist()


def test_a_block_of_nine_is_the_mean_over_a_kernel():
    given = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = given.mean(dim=(2, 3), keepdim=True).expand_as(given)
    torch.testing.assert_close(averaged(given, 9), expected)


def test_blocks_share_their_curvature():
    # curvatures 2 and 6 in one block: both weights are divided by 4
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    curvatures = torch.tensor([2.0, 6.0], dtype=torch.float64)
    AdaHessian([weight], block=2, **RULE).step(lambda: (curvatures * weight.square()).sum() / 2)
    assert weight.tolist() == pytest.approx([1 - 0.1 * 2 / 4, 1 - 0.1 * 6 / 4], rel=1e-9)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_it_steps_like_pytorch_optimizers_on_the_same_estimates(power):
    # At an estimate a step the rules are one. With fewer theirs corrects v by steps, ours by estimates.
    loss, weights = coupled()
    theirs_at = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
    ours = AdaHessian(weights, lr=0.05, power=power, eps=1e-6, weight_decay=0.1, max_grad_norm=None)
    theirs = pytorch_optimizer.AdaHessian(theirs_at, lr=0.05, hessian_power=power, eps=1e-6, weight_decay=0.1)
    for step in range(10):
        _, gradient, diagonal = hutchinson(loss, weights, seed=0, step=step, name="theirs")
        for weight, part in zip(theirs_at, gradient, strict=True):
            weight.grad = part.clone()
        theirs.step(hessian=diagonal)
        ours.step(loss)
        for one, other in zip(weights, theirs_at, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_a_gradient_longer_than_the_limit_is_shortened_and_the_curvature_is_not():
    weight = one_weight()
    AdaHessian([weight], **RULE | {"max_grad_norm": 1.0}).step(valley(weight, 4.0))  # a gradient of 4
    assert weight.item() == pytest.approx(1 - 0.1 / 4, rel=1e-5)


def test_a_saved_state_goes_on_with_the_same_draws():
    loss, weights = coupled()
    straight = AdaHessian(weights, lr=0.01, every=2)
    for _ in range(3):
        straight.step(loss)
    loss_there, places = coupled()
    broken = AdaHessian(places, lr=0.01, every=2)
    broken.load_state_dict(copy.deepcopy(straight.state_dict()))
    with torch.no_grad():
        for place, weight in zip(places, weights, strict=True):
            place.copy_(weight)
    for _ in range(3):
        straight.step(loss)
        broken.step(loss_there)
    assert torch.equal(torch.cat(places), torch.cat(weights))


def test_its_seed_decides_where_a_coupled_loss_takes_it():
    ends = []
    for seed in (3, 3, 4):
        loss, weights = coupled()
        adahessian = AdaHessian(weights, lr=0.01, seed=seed)
        for _ in range(3):
            adahessian.step(loss)
        ends.append(torch.cat(weights))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize(
    "options",
    [{"every": 0}, {"power": 0.0}, {"power": 1.5}, {"block": 0}, {"max_grad_norm": -1.0}, {"eps": 0.0}],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        AdaHessian([one_weight()], **options)
