"""A quantized direction: the base rule's own direction, compressed; all else outside of the quantizer."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import Adam, AdaZO, Muon, QuantizedDirection, Quantizer, SignSGD, Signum
from unlearnkit.randomness import generator

GRADIENTS = np.random.default_rng(0).normal(size=(12, 6, 8)) * np.geomspace(1e-3, 10, 8)


def fresh(dtype=torch.float64):
    return torch.nn.Parameter(torch.linspace(-1, 1, 48, dtype=dtype).view(6, 8))


def walk(optimizer, weight, gradients=GRADIENTS):
    """The weights after each of the given gradients."""
    places = []
    for gradient in gradients:
        weight.grad = torch.tensor(gradient, dtype=weight.dtype)
        optimizer.step()
        places.append(weight.detach().clone())
    return places


# By hand


def test_sgd_in_four_bits_by_hand():
    # steps of 0.7 / 7: 0.24 is 2.4 of them, so 2; then the largest is 7, steps of 1: 2.5 is even at 2
    weight = torch.nn.Parameter(torch.zeros(3))
    optimizer = QuantizedDirection([weight], lr=0.5, base="sgd", bits=4)
    places = walk(optimizer, weight, [[0.7, 0.24, -0.1], [-7.0, 2.5, 0.4]])
    assert places[0].tolist() == pytest.approx([-0.35, -0.1, 0.05])
    assert places[1].tolist() == pytest.approx([-0.35 + 3.5, -0.1 - 1.0, 0.05])


def test_adam_in_two_bits_by_hand_over_two_steps():
    # first direction: g / |g|, all of one size, all kept. Then g = (3, 0.1) after (1, -2), betas of 1/2:
    # m = (1.75, -0.45) / 0.75, v = (4.75, 1.005) / 0.75: directions (0.927, -0.518), both beyond 0.927 / 2
    weight = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = QuantizedDirection([weight], lr=1.0, bits=2, base_options={"betas": (0.5, 0.5), "eps": 1e-30})
    first, second = walk(optimizer, weight, [[1.0, -2.0], [3.0, 0.1]])
    assert first.tolist() == pytest.approx([-1.0, 1.0])
    size = (1.75 / 0.75) / (4.75 / 0.75) ** 0.5
    smaller = (0.45 / 0.75) / (1.005 / 0.75) ** 0.5
    assert size > smaller > size / 2
    assert (second - first).tolist() == pytest.approx([-size, size])


def test_the_decay_is_outside_of_the_quantizer():
    # within, the decay of the large weight, 50, would set the scale, and the gradient of 1 be rounded away
    weight = torch.nn.Parameter(torch.tensor([100.0, 0.0], dtype=torch.float64))
    optimizer = QuantizedDirection([weight], lr=0.1, base="sgd", bits=4, weight_decay=0.5)
    walk(optimizer, weight, [[0.0, 1.0]])
    assert weight.tolist() == pytest.approx([100 * 0.95, -0.1])


@pytest.mark.parametrize("per", ["tensor", "row", "block"])
def test_it_is_the_formula_with_torchs_own_direction(per):
    # torch's Adam walks on zeros of its own: the direction is where it goes from there at a rate of 1
    weight, shadow = fresh(), torch.zeros(6, 8, dtype=torch.float64)
    adam, theta = torch.optim.Adam([shadow], lr=1.0, betas=(0.8, 0.95)), fresh().detach()
    quantizer = Quantizer(4, per=per, block=5)
    optimizer = QuantizedDirection(
        [weight], lr=0.01, bits=4, per=per, block=5, weight_decay=0.3, base_options={"betas": (0.8, 0.95)}
    )
    for place, gradient in zip(walk(optimizer, weight), GRADIENTS, strict=True):
        shadow.zero_().grad = torch.tensor(gradient)
        adam.step()
        theta = theta * (1 - 0.01 * 0.3) + 0.01 * quantizer(shadow)
        torch.testing.assert_close(place, theta, rtol=1e-12, atol=1e-14)


# What is the same as what


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize(
    ("base", "options"), [("adam", {}), ("sgd", {"momentum": 0.9}), ("muon", {}), (torch.optim.RAdam, {})]
)
def test_with_many_bits_it_is_the_base_rule(bits, base, options):
    ours, theirs = fresh(), fresh()
    rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "muon": Muon}.get(base, base)
    quantized = QuantizedDirection([ours], lr=1e-3, base=base, base_options=options, bits=bits)
    first = walk(quantized, ours)
    second = walk(rule([theirs], lr=1e-3, **options), theirs)
    longest = (second[-1] - fresh().detach()).abs().max().item()
    tolerance = longest * (1e-12 if bits == 32 else 1e-3)
    torch.testing.assert_close(first[-1], second[-1], rtol=0, atol=tolerance)


def test_adam_in_one_bit_is_signum():
    ours, theirs = fresh(), fresh()
    first = walk(QuantizedDirection([ours], lr=1e-3, bits=1, weight_decay=0.1), ours)
    second = walk(Signum([theirs], lr=1e-3, momentum=0.9, weight_decay=0.1), theirs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_sgd_in_one_bit_is_signsgd():
    ours, theirs = fresh(), fresh()
    first = walk(QuantizedDirection([ours], lr=1e-3, base="sgd", bits=1), ours)
    second = walk(SignSGD([theirs], lr=1e-3), theirs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_base_rules_state_is_its_own_to_the_bit():
    # compressing the direction does not touch what the rule remembers
    ours, theirs = fresh(), fresh()
    optimizer, adam = QuantizedDirection([ours], bits=2), Adam([theirs])
    walk(optimizer, ours)
    walk(adam, theirs)
    for name in ("exp_avg", "exp_avg_sq", "step"):
        assert torch.equal(optimizer.state[ours][name], adam.state[theirs][name])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("base", ["adam", "adam_state_8bit", "onebit_adam", "muon"])
def test_a_saved_state_of_any_base_continues_to_the_bit(base, dtype):
    gradients = np.random.default_rng(1).normal(size=(8, 64, 65))
    straight, broken = (torch.nn.Parameter(torch.zeros(64, 65, dtype=dtype)) for _ in range(2))
    options = {"base": base, "rounding": "stochastic", "bits": 4}
    one, other = (QuantizedDirection([weight], lr=0.1, **options) for weight in (straight, broken))
    walk(one, straight, gradients)
    walk(other, broken, gradients[:4])
    resumed = QuantizedDirection([broken], **options)
    resumed.load_state_dict(copy.deepcopy(other.state_dict()))
    walk(resumed, broken, gradients[4:])
    assert torch.equal(straight, broken)


# Options and groups


def test_groups_have_their_own_quantizer_and_their_own_base_options():
    one, other = fresh(), fresh()
    groups = [{"params": [one], "bits": 1}, {"params": [other], "betas": (0.0, 0.0)}]
    optimizer = QuantizedDirection(groups, lr=0.1, bits=32)
    for _ in range(2):
        one.grad = other.grad = torch.tensor(GRADIENTS[0])
        optimizer.step()
    moved = [weight.detach() - fresh().detach() for weight in (one, other)]
    torch.testing.assert_close(moved[0], -0.2 * one.grad.sign(), rtol=1e-12, atol=0)
    torch.testing.assert_close(moved[1], -0.2 * one.grad.sign(), rtol=1e-3, atol=0)
    assert not torch.equal(moved[1].abs(), moved[0].abs())
    assert torch.equal(optimizer.state[other]["exp_avg"], other.grad)


def test_a_scheduler_moves_the_rate_of_the_step():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = QuantizedDirection([weight], lr=1.0, bits=1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    for expected in (-1.0, -1.5, -1.75):
        walk(optimizer, weight, [[1.0]])
        scheduler.step()
        assert weight.item() == expected


def test_stochastic_rounding_differs_from_step_to_step_and_from_weight_to_weight():
    weights = [torch.nn.Parameter(torch.zeros(500)) for _ in range(2)]
    optimizer = QuantizedDirection(weights, lr=1.0, base="sgd", bits=2, rounding="stochastic", seed=3)
    places = []
    for _ in range(2):
        before = [weight.detach().clone() for weight in weights]
        for weight in weights:
            weight.grad = torch.linspace(-1, 1, 500)
        optimizer.step()
        places += [weight.detach() - old for weight, old in zip(weights, before, strict=True)]
    assert not any(torch.equal(places[i], places[j]) for i in range(4) for j in range(i))
    quantizer = Quantizer(2, rounding="stochastic")
    assert torch.equal(places[0], -quantizer(torch.linspace(-1, 1, 500), generator(3, "direction", 0, 0)))


def test_gradients_are_left_as_they_were():
    weight = fresh()
    optimizer = QuantizedDirection([weight], bits=2)
    weight.grad = gradient = torch.tensor(GRADIENTS[0])
    optimizer.step()
    assert weight.grad is gradient
    assert torch.equal(gradient, torch.tensor(GRADIENTS[0]))


class Counts(torch.optim.SGD):
    """Keeps count in its groups, as some libraries do."""

    def step(self, closure=None):
        self.param_groups[0]["step"] = self.param_groups[0].get("step", 0) + 1
        return super().step(closure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "adazo"}, "base: 'adazo' is no first-order rule"),
        ({"base": AdaZO}, "is no first-order rule"),
        ({"base": "random_walk"}, "is no first-order rule"),
        ({"base": "addam"}, 'did you mean "adam"'),
        ({"base": 3}, "is no first-order rule"),
        ({"base": torch.optim.LBFGS}, "refuses these options"),
        ({"base": Counts}, "keeps count of its steps in its groups"),
        ({"base_options": {"weight_decay": 0.1}}, "weight_decay belongs to the step"),
        ({"base_options": {"lr": 0.1}}, "lr belongs to the step"),
        ({"base_options": {"beta": 0.1}}, "refuses these options"),
        ({"base_options": {"betas": (2.0, 0.1)}}, "refuses these options"),
        ({"bits": 20}, "bits: 20"),
        ({"seed": 1.5}, "seed must be"),
        ({"lr": 0.0}, "lr must be"),
        ({"weight_decay": -1.0}, "weight_decay must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        QuantizedDirection([fresh()], **options)


def test_a_groups_own_options_are_checked():
    with pytest.raises(BadInput, match="rounding"):
        QuantizedDirection([{"params": [fresh()], "rounding": "down"}])
    with pytest.raises(BadInput, match="refuses these options"):
        QuantizedDirection([{"params": [fresh()], "betas": (2.0, 0.1)}])
