"""The rules by hand.

Of one weight, directions on the sphere are 1 or -1, and on a quadratic the estimate is the gradient itself.
"""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.optim import ZOSGD, AdaZO, Directions, ZOAdaMM, ZOSignSGD, two_point

RULES = [ZOSGD, ZOSignSGD, ZOAdaMM, AdaZO]
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def weight_of(*numbers):
    return torch.nn.Parameter(torch.tensor(numbers, dtype=torch.float64))


def taken(optimizer, weight, loss_of, steps):
    """Where a single weight is after each of some steps."""
    places = []
    for _ in range(steps):
        optimizer.step(lambda: loss_of(weight))
        places.append(weight.item())
    return places


def parabola(weight):
    return 1.5 * weight.square().sum()


def slope(weight):
    return 3 * weight.sum()


# ZO-SGD


def test_two_steps_of_zo_sgd_by_hand():
    # g = 3: 1 - 0.03; g = 2.91: 0.97 - 0.0291
    weight = weight_of(1.0)
    assert taken(ZOSGD([weight], lr=0.01, directions="sphere"), weight, parabola, 2) == pytest.approx(
        [0.97, 0.9409]
    )


def test_zo_sgd_with_momentum_and_decay_by_hand():
    # b = 3, theta 1 (1 - 0.001) - 0.03; g = 2.907, b = 2.7 + 2.907, theta 0.969 * 0.999 - 0.05607
    weight = weight_of(1.0)
    sgd = ZOSGD([weight], lr=0.01, directions="sphere", momentum=0.9, weight_decay=0.1)
    assert taken(sgd, weight, parabola, 2) == pytest.approx([0.969, 0.911961])


def test_zo_sgd_of_one_query_is_mezos_step():
    # 2305.17333, algorithm 1, written out: z from a seed, three moves in place, z drawn again for the update
    def loss_of(w):
        return (w.pow(3) + w).sum()

    weight, mu, lr = weight_of(0.5, -1.0, 2.0, 0.0), 1e-2, 1e-2
    theta = weight.detach().clone()
    sgd = ZOSGD([weight], lr=lr, radius=mu, queries=1, seed=6)
    for step in range(3):
        (z,) = Directions("gaussian", seed=6).draw([theta], "direction", step, 0)
        ahead, behind = loss_of(theta + mu * z), loss_of(theta - mu * z)
        theta = theta - lr * (ahead - behind) / (2 * mu) * z
        sgd.step(lambda: loss_of(weight))
        torch.testing.assert_close(weight.detach(), theta, rtol=1e-10, atol=1e-12)


def test_zo_sgd_keeps_no_state_without_momentum():
    weight = weight_of(1.0)
    sgd = ZOSGD([weight], lr=0.01)
    taken(sgd, weight, parabola, 2)
    assert not any(sgd.state.values())


def test_groups_of_zo_sgd_move_in_proportion_to_their_rates():
    ends = []
    for rate in (0.1, 0.01):
        slow, fast = weight_of(1.0, -1.0), weight_of(2.0)
        sgd = ZOSGD([{"params": [slow], "lr": rate}, {"params": [fast]}], lr=0.1)
        sgd.step(lambda: slow.square().sum() + fast.square().sum())  # noqa: B023 - called at once
        ends.append((slow.detach() - torch.tensor([1.0, -1.0]), fast.item()))
    torch.testing.assert_close(ends[0][0], 10 * ends[1][0])
    assert ends[0][1] == ends[1][1]


# ZO-signSGD


def test_two_steps_of_zo_signsgd_by_hand():
    weight = weight_of(1.0)
    assert taken(ZOSignSGD([weight], lr=0.01), weight, parabola, 2) == pytest.approx([0.99, 0.98])
    weight = weight_of(-1.0)
    assert taken(ZOSignSGD([weight], lr=0.01), weight, parabola, 1) == pytest.approx([-0.99])


def test_zo_signsgd_takes_the_sign_of_the_mean_and_not_of_one_query_or_the_mean_of_signs():
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 40, dtype=torch.float64))
    before = weight.detach().clone()
    options = {"directions": Directions("sphere", seed=1), "radius": 0.1, "step": 0, "name": "test"}
    _, (mean,) = two_point(lambda: before.pow(3).sum(), [before], queries=5, **options)
    _, (one,) = two_point(lambda: before.pow(3).sum(), [before], queries=1, **options)
    ZOSignSGD([weight], lr=0.5, radius=0.1, queries=5, seed=1).step(lambda: weight.pow(3).sum())
    moved = before - weight.detach()
    torch.testing.assert_close(moved, 0.5 * mean.sign())
    assert not torch.equal(mean.sign(), one.sign())


# ZO-AdaMM


def test_three_steps_of_zo_adamm_by_hand():
    # b1 0.9, b2 0.99. g 3: m 0.3, v 0.09, step 0.01 * 0.3 / 0.3. g 2.97: m 0.567, v 0.0891 + 0.088209,
    # step 0.01 * 0.567 / sqrt(0.177309). g 0: m 0.5103, v falls to 0.175536 and the largest stays
    weight = weight_of(1.0)
    adamm = ZOAdaMM([weight], lr=0.01)
    assert taken(adamm, weight, parabola, 2) == pytest.approx([0.99, 0.99 - 0.013465340], rel=1e-7)
    (third,) = taken(adamm, weight, lambda w: 0 * w.sum() + 1, 1)
    assert third == pytest.approx(0.99 - 0.013465340 - 0.012118806, rel=1e-7)
    assert adamm.state[weight]["v"].item() == pytest.approx(0.17553591)
    assert adamm.state[weight]["largest"].item() == pytest.approx(0.177309)


@pytest.mark.parametrize(("b1", "b2"), [(0.9, 0.99), (0.9, 0.999), (0.5, 0.9)])
def test_zo_adamms_first_step_has_no_bias_correction(b1, b2):
    weight = weight_of(1.0)
    (first,) = taken(ZOAdaMM([weight], lr=0.001, betas=(b1, b2)), weight, parabola, 1)
    assert 1 - first == pytest.approx(0.001 * (1 - b1) / (1 - b2) ** 0.5, rel=1e-6)


# R-AdaZO's bias correction


@pytest.mark.parametrize("b2", [0.9, 0.99, 0.999])
def test_adazos_kick_is_gone_with_the_bias_correction(b2):
    # of a gradient that stays the same both corrected moments are exact from the first step on
    places = {}
    for corrected in (False, True):
        weight = weight_of(0.0)
        adazo = AdaZO([weight], lr=0.001, betas=(0.9, b2), bias_correction=corrected)
        places[corrected] = taken(adazo, weight, slope, 4)
    assert places[True] == pytest.approx([-0.001, -0.002, -0.003, -0.004], rel=1e-6)
    assert places[False][0] == pytest.approx(-0.001 / (1 - b2) ** 0.5, rel=1e-5)


def test_two_steps_of_adazo_with_bias_correction_by_hand():
    # g 3: m 0.3 / 0.1, v 0.09 / 0.01. g 2.97: m 0.567 / 0.19, v (0.0891 + 0.01 * 2.984210²) / 0.0199
    weight = weight_of(1.0)
    adazo = AdaZO([weight], lr=0.01, bias_correction=True)
    assert taken(adazo, weight, parabola, 2) == pytest.approx([0.99, 0.98002629], rel=1e-7)


def test_without_it_adazo_is_corrected_nowhere():
    weight = weight_of(0.0)
    adazo = AdaZO([weight], lr=0.001)
    taken(adazo, weight, slope, 2)
    assert set(adazo.state[weight]) == {"m", "v"}
    assert adazo.state[weight]["m"].item() == pytest.approx(0.57)  # 3 (1 - 0.81)


# What all of them share


@rules
@pytest.mark.parametrize(("difference", "passes"), [("central", 6), ("forward", 4)])
def test_a_step_takes_the_passes_it_says(rule, difference, passes):
    weight, calls = weight_of(1.0, 2.0), []
    optimizer = rule([weight], queries=3, difference=difference)
    loss = optimizer.step(lambda: calls.append(1) or slope(weight))
    assert len(calls) == passes == optimizer.forward_equivalents
    assert loss.item() == pytest.approx(9.0)


@rules
def test_the_catalogue_states_the_default_price(rule):
    (price,) = (entry.forward_equivalents for entry in uk.optim.zeroth_order.ENTRIES if entry.make is rule)
    assert rule([weight_of(1.0)]).forward_equivalents == price


@rules
def test_a_group_that_is_masked_is_neither_looked_along_nor_moved(rule):
    on, off, seen = weight_of(1.0, -1.0), weight_of(2.0, 3.0), []
    optimizer = rule([{"params": [on]}, {"params": [off], "perturb": False}], lr=0.1, radius=0.01)
    assert optimizer.radius_l2 == pytest.approx(0.01 * 2**0.5)
    optimizer.step(lambda: seen.append(off.tolist()) or (on.square() + off.square()).sum())
    assert all(place == [2.0, 3.0] for place in seen)
    assert off.tolist() == [2.0, 3.0]
    before = on.detach().clone()
    alone = rule([on], lr=0.1, radius=0.01)
    assert not torch.equal(before, torch.tensor([1.0, -1.0], dtype=torch.float64))
    optimizer.param_groups[0]["perturb"], optimizer.param_groups[1]["perturb"] = False, True
    optimizer.step(lambda: on.square().sum() + off.square().sum())
    assert torch.equal(on, before)
    assert off.tolist() != [2.0, 3.0]
    assert len(alone.weights) == 1


def test_directions_of_a_masked_optimizer_are_those_of_its_other_weights_alone():
    ends = []
    for groups in (("on",), ("off", "on")):
        on, off = weight_of(1.0, -1.0), weight_of(2.0, 3.0)
        given = {"on": {"params": [on]}, "off": {"params": [off], "perturb": False}}
        optimizer = AdaZO([given[name] for name in groups], lr=0.1)
        optimizer.step(lambda: on.square().sum())  # noqa: B023 - called at once
        ends.append(on.tolist())
    assert ends[0] == ends[1]


@rules
def test_when_nothing_may_move_that_is_said(rule):
    weight = weight_of(1.0)
    with pytest.raises(BadInput, match="no weight moves"):
        rule([{"params": [weight], "perturb": False}]).step(lambda: slope(weight))
    weight.requires_grad_(False)
    with pytest.raises(BadInput, match="no weight moves"):
        rule([weight]).step(lambda: slope(weight))


@rules
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": 0.0}, BadInput, "lr must be"),
        ({"queries": 0}, BadInput, "queries must be"),
        ({"radius": -1.0}, BadInput, "radius must be"),
        ({"directions": "cube"}, UnknownName, "cube"),
        ({"restore": "undo"}, UnknownName, "undo"),
        ({"difference": "backward"}, UnknownName, "backward"),
        ({"keep_directions": 2}, UnknownName, "keep_directions"),
        ({"density": 2.0}, BadInput, "density must be"),
        ({"rank": 0}, BadInput, "rank must be"),
        ({"seed": 0.5}, BadInput, "seed must be"),
    ],
)
def test_options_are_checked(rule, options, error, message):
    with pytest.raises(error, match=message):
        rule([weight_of(1.0)], **options)


def test_a_mask_that_is_neither_on_nor_off_is_refused():
    with pytest.raises(UnknownName, match="perturb"):
        ZOSGD([{"params": [weight_of(1.0)], "perturb": "sometimes"}])


@pytest.mark.parametrize(
    ("rule", "options"),
    [(ZOSGD, {"momentum": 1.0}), (ZOSGD, {"weight_decay": -1.0}), (ZOAdaMM, {"betas": (0.9, 1.0)}),
     (ZOAdaMM, {"eps": 0.0}), (AdaZO, {"bias_correction": "yes"})],
)  # fmt: skip
def test_options_of_one_rule_are_checked(rule, options):
    with pytest.raises(BadInput, match=next(iter(options))):
        rule([weight_of(1.0)], **options)
