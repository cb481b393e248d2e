"""Symmetric rounding, row by row, against arithmetic in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unlearnkit.errors import UnknownName
from unlearnkit.rounding import round_rows, symmetric_codes

BITS = (8, 4, 3, 2)
values = st.floats(-100, 100, width=32).map(lambda v: 0.0 if abs(v) < 1e-3 else v)
weights = arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=values)


def by_hand(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and steps, one row after the other, in float32."""
    largest_code = {8: 127, 4: 7, 3: 3, 2: 1}[bits]
    codes, steps = np.zeros_like(weight), np.ones((len(weight), 1), dtype=np.float32)
    for row in range(len(weight)):
        largest = np.abs(weight[row]).max()
        if largest > 0:
            steps[row] = largest / np.float32(largest_code)
        codes[row] = np.rint(weight[row] / steps[row])
    return codes, steps


def test_four_bits_written_out():
    # rows with steps 0.1 and 10: a single step for the whole matrix would lose the first row
    weight = torch.tensor([[0.7, -0.24, 0.06, 0.0], [-70.0, 24.0, 4.0, 36.0]])
    codes, scale = symmetric_codes(weight, 4)
    assert codes.tolist() == [[7, -2, 1, 0], [-7, 2, 0, 4]]
    assert scale.flatten().tolist() == pytest.approx([0.1, 10.0])
    expected = torch.tensor([[0.7, -0.2, 0.1, 0.0], [-70.0, 20.0, 0.0, 40.0]])
    torch.testing.assert_close(round_rows(weight, 4), expected)


def test_two_bits_keep_a_sign_or_nothing():
    rounded = round_rows(torch.tensor([[4.0, -3.0, 1.9, -1.0]]), 2)
    assert rounded.tolist() == [[4.0, -4.0, 0.0, 0.0]]


@pytest.mark.parametrize("bits", BITS)
@given(weight=weights)
def test_codes_are_those_of_arithmetic_row_by_row(bits, weight):
    codes, scale = symmetric_codes(torch.from_numpy(weight.copy()), bits)
    expected, steps = by_hand(weight, bits)
    np.testing.assert_array_equal(codes.numpy(), expected)
    np.testing.assert_array_equal(scale.numpy(), steps)


@pytest.mark.parametrize("bits", BITS)
@given(weight=weights)
def test_rounding_moves_no_weight_more_than_half_a_step(bits, weight):
    rounded = round_rows(torch.from_numpy(weight.copy()), bits).numpy()
    _, steps = by_hand(weight, bits)
    assert (np.abs(rounded - weight) <= steps * 0.5001).all()


@pytest.mark.parametrize("bits", BITS)
@given(weight=weights)
def test_rounding_twice_is_rounding_once(bits, weight):
    # the grid's step may come back with another last bit (7 s / 7); the codes never change
    once = round_rows(torch.from_numpy(weight.copy()), bits)
    twice = round_rows(once, bits)
    assert torch.equal(symmetric_codes(once, bits)[0], symmetric_codes(torch.from_numpy(weight), bits)[0])
    torch.testing.assert_close(twice, once, rtol=3e-7, atol=0)


def test_more_bits_never_err_more():
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    errors = [(round_rows(weight, bits) - weight).square().mean().item() for bits in BITS]
    assert errors == sorted(errors)
    assert errors[0] < errors[1] / 100  # 127 / 7 steps: the mean square falls by about 330


def test_a_row_of_zeros_stays_and_disturbs_no_other():
    weight = torch.tensor([[0.0, 0.0], [0.7, 0.24]])
    torch.testing.assert_close(round_rows(weight, 4), torch.tensor([[0.0, 0.0], [0.7, 0.2]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_dtype_is_kept_and_the_input_unchanged(dtype):
    weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    before = weight.clone()
    rounded = round_rows(weight, 4)
    assert rounded.dtype == dtype
    assert torch.equal(weight, before)
    assert torch.equal(rounded, round_rows(weight.float(), 4).to(dtype))


@pytest.mark.parametrize("bits", [0, 1, 9, 16, 4.5, "4", True])
def test_other_bits_are_refused(bits):
    with pytest.raises(UnknownName, match="bits"):
        symmetric_codes(torch.ones(1, 1), bits)
