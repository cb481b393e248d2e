"""What rounding takes: of the difference of two losses, and of steps in half precision."""

from __future__ import annotations

import copy
import math
import warnings

import pytest
import torch

from unlearnkit.optim import ZOSGD, AdaZO, Directions, LostInRounding, ZOAdaMM, ZOSignSGD, two_point
from unlearnkit.optim.zeroth_order.resolution import units_in_the_last_place

HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])


@pytest.mark.parametrize(
    ("one", "other", "dtype", "units"),
    [
        (1.0, 1.0 + 3 * 2**-23, torch.float32, 3),
        (3.0, 3.0 - 2**-22, torch.float32, 1),
        (-1000.0, -1000.0 - 5 * 2**-14, torch.float32, 5),
        (1.0, 1.0 + 2**-52, torch.float64, 1),
        (1.0, 1.0 + 2**-7, torch.bfloat16, 1),
        (0.0, 0.0, torch.float32, 0),
        (2.0, 5.0, torch.int64, 3),
    ],
)
def test_units_in_the_last_place_are_those_of_the_dtype_at_the_number(one, other, dtype, units):
    assert units_in_the_last_place(one, other, dtype) == units


@pytest.mark.parametrize("value", [0.3, 1.0, 1.5, 2.0, 777.7, 1e-20])
def test_the_next_number_is_one_unit_away(value):
    number = torch.tensor(value)
    after = torch.nextafter(number, torch.tensor(math.inf))
    assert units_in_the_last_place(number.item(), after.item(), torch.float32) == 1


def test_of_no_number_there_are_none():
    assert math.isnan(units_in_the_last_place(math.inf, 1.0, torch.float32))


@pytest.fixture
def far():
    """A weight, and a loss of about 1000 with slope 1: one unit in the last place is 6.1e-5."""
    weight = torch.nn.Parameter(torch.zeros(1))
    return weight, lambda: 1000 + weight.sum()


@pytest.mark.parametrize("difference", ["central", "forward"])
def test_a_step_says_how_far_apart_its_losses_were(far, difference):
    weight, loss_of = far
    sgd = ZOSGD([weight], directions="rademacher", radius=1.0, difference=difference)
    assert math.isnan(sgd.last_resolution)
    sgd.step(loss_of)
    sides = 2 if difference == "central" else 1
    assert sgd.last_resolution == pytest.approx(sides / 2**-14, rel=0.1)


def test_below_a_hundred_units_a_step_warns_once_an_optimizer_with_the_way_out(far):
    weight, loss_of = far
    for _ in range(2):
        sgd = ZOSGD([weight], directions="rademacher", radius=1e-3)
        with pytest.warns(
            LostInRounding, match=r"at radius 0.001 .* differ by 3[23] units .* larger radius"
        ) as said:
            sgd.step(loss_of)
        assert said[0].filename == __file__  # in the name of whoever took the step
        assert 30 < sgd.last_resolution < 35
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sgd.step(loss_of)


def test_the_warning_needs_no_luck_and_has_none_against_it(far):
    # normal directions of one query: some differences are small by chance, all of them are not
    weight, loss_of = far
    sgd, small = ZOSGD([weight], radius=0.1, queries=1, lr=1e-9), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            sgd.step(loss_of)
            small += sgd.last_resolution < 100
    assert small > 0
    sgd.radius = 1e-4
    with pytest.warns(LostInRounding):
        for _ in range(8):
            sgd.step(loss_of)


def test_a_loss_in_double_resolves_what_one_in_single_does_not():
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    sgd = ZOSGD([weight], directions="rademacher", radius=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sgd.step(lambda: 1000 + weight.sum())
    assert sgd.last_resolution > 1e9


def test_a_loss_that_is_no_number_is_no_matter_of_rounding(far):
    weight, _ = far
    sgd = ZOSGD([weight])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isinf(sgd.step(lambda: torch.tensor(math.inf)).item())
    assert math.isnan(sgd.last_resolution)


# Half precision


@HALF
@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_half_precision_is_looked_at_and_moved_in_single_and_rounded_once(dtype, restore):
    start = torch.linspace(0.5, 2, 40).to(dtype)
    weight, seen = torch.nn.Parameter(start.clone()), []
    sgd = ZOSGD([weight], lr=0.01, radius=0.05, queries=1, restore=restore)

    def loss_of():
        seen.append(weight.detach().clone())
        return weight.float().square().sum()

    sgd.step(loss_of)
    u = Directions("gaussian").draw([start], "direction", 0, 0)[0]
    assert u.dtype == torch.float32
    ends = [(start.float() + side * u).to(dtype) for side in (0.05, -0.05)]
    assert all(torch.equal(one, other) for one, other in zip(seen, ends, strict=True))
    slope = (ends[0].float().square().sum() - ends[1].float().square().sum()) / 0.1
    torch.testing.assert_close(
        weight.detach(), (start.float() - 0.01 * slope * u).to(dtype), rtol=1e-2, atol=0
    )


@HALF
def test_a_step_that_rounds_away_is_counted_and_said(dtype):
    # at 1 the numbers of both dtypes are at least 2^-11 apart: steps of 1e-5 lead nowhere
    weight = torch.nn.Parameter(torch.ones(200, dtype=dtype))
    sign = ZOSignSGD([weight], lr=1e-5, radius=0.1)
    with pytest.warns(LostInRounding, match=r"100% of the half-precision weights that the step should move"):
        sign.step(lambda: weight.float().sum())
    assert weight.tolist() == [1.0] * 200
    assert sign.last_rounded_away == 1.0
    wide = ZOSignSGD([weight], lr=0.1, radius=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wide.step(lambda: weight.float().sum())
    assert wide.last_rounded_away == 0.0
    assert not (weight == 1).any()


@HALF
@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_a_look_that_rounds_away_is_said(dtype, restore):
    weight = torch.nn.Parameter(torch.full((100,), 100.0, dtype=dtype))
    with pytest.warns(LostInRounding) as said:
        ZOSGD([weight], radius=1e-3, restore=restore).step(lambda: weight.float().sum())
    assert any("do not move at all" in str(warning.message) for warning in said)
    assert any("differ by 0 units" in str(warning.message) for warning in said)


@pytest.mark.filterwarnings("ignore::unlearnkit.optim.LostInRounding")
@HALF
@pytest.mark.parametrize("rule", [ZOAdaMM, AdaZO])
def test_state_of_half_precision_weights_is_single_and_goes_on_to_the_bit(rule, dtype):
    straight, broken = (torch.nn.Parameter(torch.linspace(-1, 1, 20).to(dtype)) for _ in range(2))
    one, other = (rule([weight], lr=0.01, radius=0.05) for weight in (straight, broken))
    for _ in range(3):
        one.step(lambda: straight.float().square().sum())
        other.step(lambda: broken.float().square().sum())
    assert all(value.dtype == torch.float32 for value in other.state[broken].values())
    fresh = rule([broken], lr=0.5, radius=0.05)
    fresh.load_state_dict(copy.deepcopy(other.state_dict()))
    for _ in range(3):
        one.step(lambda: straight.float().square().sum())
        fresh.step(lambda: broken.float().square().sum())
    assert torch.equal(straight, broken)
    for name, value in one.state[straight].items():
        assert torch.equal(value, fresh.state[broken][name])


def test_the_function_leaves_half_precision_weights_as_they_were():
    weight = torch.linspace(-1, 1, 50).to(torch.bfloat16)
    before = weight.clone()
    _, (g,) = two_point(
        lambda: weight.float().sum(), [weight], directions=Directions(), queries=2, radius=0.1, step=0,
        name="test",
    )  # fmt: skip
    assert torch.equal(weight, before)
    assert g.dtype == torch.float32
