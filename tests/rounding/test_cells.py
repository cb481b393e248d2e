"""Cells: any move inside them is undone by rounding, and they are nearly as wide as they can be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearnkit.rounding import SCHEMES, cells, codes, round_matrix

CASES = [(scheme, bits) for scheme, rule in SCHEMES.items() for bits in (2, 3, 4, 8) if bits in rule.bits]
UNIFORM = [(scheme, bits) for scheme, bits in CASES if scheme.startswith("rtn")]


@st.composite
def weights(draw) -> np.ndarray:
    """Matrices with rows shorter and longer than a group, some of one sign, with ties and zeros, or all zero.

    Drawn by NumPy: hypothesis would take longer to draw 500 numbers than the test to check them.
    """
    shape = draw(st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 5, 63, 64, 65, 130])))
    weight = np.random.default_rng(draw(st.integers(0, 10**6))).normal(size=shape)
    weight = draw(st.sampled_from([lambda w: w, np.abs, lambda w: w.round(), lambda w: -np.abs(w)]))(weight)
    return (weight * draw(st.sampled_from([0.0, 1e-3, 0.05, 1.0, 100.0]))).astype(np.float32)


def moved(low: torch.Tensor, high: torch.Tensor, seed: int, *, to_the_ends: bool) -> torch.Tensor:
    """All weights at once, anywhere in their cells; or each at one end."""
    share = torch.rand(low.shape, generator=torch.Generator().manual_seed(seed))
    share = share.round() if to_the_ends else share
    return torch.minimum(torch.maximum(low + share * (high - low), low), high)


def check(weight: torch.Tensor, scheme: str, bits: int, seed: int) -> None:
    rounded, low, high = cells(weight, bits=bits, scheme=scheme)
    torch.testing.assert_close(rounded, round_matrix(weight.float(), bits, scheme), rtol=0, atol=0)
    assert (low <= rounded).all()
    assert (rounded <= high).all()
    size = rounded.abs().max().item()
    for to_the_ends in (False, True):
        nudged = moved(low, high, seed, to_the_ends=to_the_ends)
        again = round_matrix(nudged, bits, scheme)
        torch.testing.assert_close(again, rounded, rtol=1e-6, atol=1e-6 * size)
        assert torch.equal(codes(nudged, bits=bits, scheme=scheme), codes(rounded, bits=bits, scheme=scheme))


@pytest.mark.parametrize(("scheme", "bits"), CASES)
@settings(max_examples=40)
@given(weight=weights(), seed=st.integers(0, 9))
def test_no_move_within_the_cells_changes_what_rounding_gives(scheme, bits, weight, seed):
    check(torch.from_numpy(weight.copy()), scheme, bits, seed)


@pytest.mark.parametrize(("scheme", "bits"), CASES)
@pytest.mark.parametrize("shape", [(8, 64), (7, 100), (33, 65), (1, 1)])
def test_nor_in_matrices_like_a_models(scheme, bits, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.05
    for case in (weight, weight.abs(), -weight.abs(), weight.bfloat16(), torch.zeros(shape)):
        check(case, scheme, bits, 1)


@pytest.mark.parametrize(("scheme", "bits"), CASES)
def test_just_outside_a_cell_the_rounding_changes(scheme, bits):
    # one weight at a time, 3 % of its cell beyond the end (the margin is 2 %): another grid point or grid
    weight = torch.randn(3, 70, generator=torch.Generator().manual_seed(3))
    rounded, low, high = cells(weight, bits=bits, scheme=scheme)
    free = (low < rounded) & (rounded < high)
    assert free.any()
    for place in free.nonzero()[:: max(1, int(free.sum()) // 20)].tolist():
        for end in (low, high):
            nudged = rounded.clone()
            nudged[tuple(place)] += 1.03 * (end - rounded)[tuple(place)]
            assert not torch.allclose(round_matrix(nudged, bits, scheme), rounded, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("scheme", "bits"), CASES)
def test_the_weights_that_define_a_grid_may_not_move(scheme, bits):
    weight = torch.randn(2, 70, generator=torch.Generator().manual_seed(5))
    rounded, low, high = cells(weight, bits=bits, scheme=scheme)
    fixed = (low == rounded) & (high == rounded)
    per_row = {"rtn-tensor": 1, "rtn-tensor-asymmetric": 1, "nf4": 3, "fp4": 3}
    groups = per_row.get(scheme, 4 if "group" in scheme else 2)
    ends = 2 if "asymmetric" in scheme else 1
    assert groups * ends <= fixed.sum() < weight.numel()
    largest = rounded.abs().argmax()
    assert fixed.flatten()[largest]
    if "asymmetric" in scheme:
        assert fixed.flatten()[rounded.argmin()]
        assert fixed.flatten()[rounded.argmax()]


@pytest.mark.parametrize(("scheme", "bits"), UNIFORM)
def test_uniform_cells_are_098_of_a_bin(scheme, bits):
    weight = torch.randn(2, 70, generator=torch.Generator().manual_seed(6))
    rounded, low, high = cells(weight, bits=bits, scheme=scheme)
    steps = codes(weight, bits=bits, scheme=scheme)
    apart = steps.abs() > 0
    step = torch.where(apart, rounded / steps, torch.nan)
    free = apart & (low < rounded)
    torch.testing.assert_close((high - low)[free], 0.98 * step[free], rtol=1e-4, atol=1e-6)


def test_cells_written_out():
    # a row of step 0.1: 0.7 holds the grid, the others may move 0.049
    rounded, low, high = cells(torch.tensor([[0.7, -0.24, 0.04]]))
    torch.testing.assert_close(rounded, torch.tensor([[0.7, -0.2, 0.0]]))
    torch.testing.assert_close(low, torch.tensor([[0.7, -0.249, -0.049]]))
    torch.testing.assert_close(high, torch.tensor([[0.7, -0.151, 0.049]]))
    # FP4, largest magnitude 12: points 0, 1/16, 2, 3, 4, 6, 8, 12
    rounded, low, high = cells(torch.tensor([[-12.0, 6.4, 3.1, 0.1]]), scheme="fp4")
    torch.testing.assert_close(rounded, torch.tensor([[-12.0, 6.0, 3.0, 0.0625]]))
    torch.testing.assert_close(low, torch.tensor([[-12.0, 5.02, 2.51, 0.0625 - 0.98 / 32]]))
    torch.testing.assert_close(high, torch.tensor([[-12.0, 6.98, 3.49, 0.0625 + 0.98 * 1.9375 / 2]]))


def test_cells_of_half_precision_are_in_float32_and_leave_the_weight_alone():
    weight = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    before = weight.clone()
    assert {each.dtype for each in cells(weight)} == {torch.float32}
    assert torch.equal(weight, before)
