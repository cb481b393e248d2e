"""Q(m; N) by hand, against the rounding of weights, and stochastic rounding within its standard errors."""

from __future__ import annotations

import math

import pytest
import torch

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.optim.compressed.quantizer import Quantizer
from unlearnkit.randomness import generator
from unlearnkit.rounding import round_matrix

DRAWS = 20_000
UNEVEN = torch.tensor([[0.9, -0.31, 0.02, 0.0, -0.77], [40.0, 3.0, -17.0, 0.6, 0.0]])


def normal(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=generator(0, "test"), dtype=dtype)


# By hand


def test_two_bits_are_minus_one_zero_and_one_times_the_largest_magnitude():
    # the largest is 4: below -2 and above 2 to the ends; 2 / 4 is a half and goes to the even code, 0
    given = torch.tensor([4.0, 2.0, 2.1, -1.9, -3.0, 0.0])
    assert Quantizer(2)(given).tolist() == [4.0, 0.0, 4.0, 0.0, -4.0, 0.0]


def test_four_bits_are_seven_steps_to_each_side():
    codes, scale = Quantizer(4).codes(torch.tensor([-3.5, 0.26, 0.24, 1.0, 3.4]))
    assert scale.tolist() == [[0.5]]
    assert codes.tolist() == [[-7, 1, 0, 2, 7]]


def test_eight_bits_are_127_steps_to_each_side_and_none_is_minus_128():
    codes, scale = Quantizer(8).codes(torch.tensor([-254.0, 3.0, 254.0]))
    assert scale.item() == 2.0
    assert codes.tolist() == [[-127, 2, 127]]  # 1.5 to the even code


def test_one_bit_is_the_sign_and_zero_stays_zero():
    assert Quantizer(1)(UNEVEN).tolist() == UNEVEN.sign().tolist()


def test_a_scaled_sign_has_the_mean_magnitude():
    given = torch.tensor([3.0, -1.0, 0.0, 4.0])
    assert Quantizer(1, scaled=True)(given).tolist() == [2.0, -2.0, 0.0, 2.0]


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_no_other_scale_of_the_sign_has_a_smaller_squared_error(factor):
    given = normal(1000)
    ours = Quantizer(1, scaled=True)(given)
    assert (given - ours).square().sum() < (given - factor * ours).square().sum()


# What shares a scale


def test_each_row_has_its_own_scale_where_it_is_asked_for():
    by_row, by_tensor = (Quantizer(4, per=per)(UNEVEN) for per in ("row", "tensor"))
    for row, given in zip(by_row, UNEVEN, strict=True):
        assert torch.equal(row, Quantizer(4)(given))
    assert by_tensor[0].tolist() == [0.0] * 5  # steps of 40 / 7: nothing of the first row is left
    assert by_row[0, 0].item() == pytest.approx(0.9)


def test_blocks_are_neighbours_row_after_row_and_the_last_one_may_be_shorter():
    flat = UNEVEN.flatten()
    found = Quantizer(4, per="block", block=4)(UNEVEN).flatten()
    parts = [Quantizer(4)(part) for part in flat.split(4)]
    assert torch.equal(found, torch.cat(parts))


def test_what_fills_up_the_last_block_does_not_count_in_its_mean():
    given = torch.tensor([1.0, -3.0, 5.0, 7.0])
    assert Quantizer(1, scaled=True, per="block", block=3)(given).tolist() == [3.0, -3.0, 3.0, 7.0]


@pytest.mark.parametrize(("per", "scheme"), [("row", "rtn"), ("tensor", "rtn-tensor")])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_it_is_the_rounding_of_weights(bits, per, scheme):
    given = normal(7, 90)
    assert torch.equal(Quantizer(bits, per=per)(given), round_matrix(given, bits, scheme))


@pytest.mark.parametrize("shape", [(), (1,), (6,), (3, 4), (2, 3, 5), (0, 4)])
@pytest.mark.parametrize("per", ["tensor", "row", "block"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_any_shape_and_dtype_comes_back_as_it_was(shape, per, dtype):
    given = normal(*shape).to(dtype)
    before = given.clone()
    for quantizer in (Quantizer(4, per=per, block=5), Quantizer(1, per=per, scaled=True), Quantizer(32)):
        found = quantizer(given)
        assert (found.shape, found.dtype) == (given.shape, dtype)
        assert torch.equal(given, before)


def test_the_error_is_at_most_half_a_step():
    given = normal(5000, dtype=torch.float64)
    for bits in (2, 4, 8, 16):
        half = given.abs().max() / (2 ** (bits - 1) - 1) / 2
        assert (Quantizer(bits)(given) - given).abs().max() <= half * (1 + 1e-12)


def test_zeros_stay_zeros():
    for bits in (1, 2, 8):
        for rounding in ("nearest", "stochastic"):
            quantizer = Quantizer(bits, scaled=True, rounding=rounding)
            assert quantizer(torch.zeros(4), generator(0, "test")).tolist() == [0.0] * 4


def test_turning_the_direction_around_turns_the_result_around():
    given = normal(999)
    for bits in (1, 2, 4, 8):
        assert torch.equal(Quantizer(bits)(-given), -Quantizer(bits)(given))


# Stochastic rounding


def drawn(quantizer, given):
    """Many independent results, one a row: `given` is repeated, so a row is a group of its own."""
    return quantizer(given.expand(DRAWS, -1), generator(1, "test"))


def deviations(found, expected):
    """How many standard errors the mean of each coordinate is off."""
    spread = found.std(dim=0) / math.sqrt(len(found))
    return (found.mean(dim=0) - expected).abs() / spread.clamp(min=1e-9)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_stochastic_rounding_is_right_on_average(bits):
    given = torch.tensor([1.0, -0.3, 0.0501, -0.0037, 0.77, 0.0])
    found = drawn(Quantizer(bits, per="row", rounding="stochastic", scaled=True), given.double())
    assert deviations(found, given).max() < 4
    assert (found.std(dim=0)[1:5] > 0).all()  # it did draw


def test_the_check_catches_rounding_that_is_biased():
    # up with chance 1/2 whatever the place between two steps, and plain nearest
    given = torch.tensor([1.0, -0.3, 0.0501, -0.0037, 0.77, 0.0], dtype=torch.float64)
    coin = torch.rand(DRAWS, 6, generator=generator(2, "test"), dtype=torch.float64) < 0.5
    step = 1 / 7
    biased = ((given / step).floor() + coin) * step
    assert deviations(biased, given).max() > 4
    assert deviations(drawn(Quantizer(4, per="row"), given), given).max() > 4


def test_a_stochastic_sign_without_scale_has_the_share_of_the_largest_as_its_mean():
    given = torch.tensor([2.0, -0.5, 0.0], dtype=torch.float64)
    found = drawn(Quantizer(1, per="row", rounding="stochastic"), given)
    assert set(found.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert deviations(found, given / 2).max() < 4


def test_stochastic_rounding_goes_to_one_of_the_two_neighbours():
    given = normal(2000, dtype=torch.float64)
    quantizer = Quantizer(4, rounding="stochastic")
    codes, scale = quantizer.codes(given, generator(0, "test"))
    assert ((codes * scale - given).abs() <= scale * (1 + 1e-9)).all()
    assert codes.abs().max() == 7


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 0}, "bits: 0 is not known"),
        ({"bits": 17}, "bits: 17"),
        ({"bits": True}, "bits: True"),
        ({"per": "column"}, "per:"),
        ({"block": 0}, "block must be"),
        ({"rounding": "up"}, "rounding:"),
        ({"bits": 4, "scaled": False}, "scaled: whole numbers of 4 bits"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        Quantizer(**options)


def test_an_unknown_grouping_lists_the_nearest():
    with pytest.raises(UnknownName, match='did you mean "block"'):
        Quantizer(per="blocks")


def test_stochastic_rounding_asks_for_a_generator():
    with pytest.raises(BadInput, match="no generator was given"):
        Quantizer(rounding="stochastic")(torch.ones(3))
