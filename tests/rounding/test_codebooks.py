"""NF4 and FP4 against the published codebooks, their origins, and bitsandbytes where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from unlearnkit.rounding import codes, round_matrix

# QLoRA (2305.14314), appendix E, as printed there
PUBLISHED_NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
]  # fmt: skip
# bitsandbytes 0.50.2, functional.get_4bit_type("fp4"), as float32 prints it
PUBLISHED_FP4 = [
    0.0, 0.0052083334885537624, 0.6666666865348816, 1.0, 0.3333333432674408, 0.5, 0.1666666716337204,
    0.25, 0.0, -0.0052083334885537624, -0.6666666865348816, -1.0, -0.3333333432674408, -0.5,
    -0.1666666716337204, -0.25,
]  # fmt: skip
PUBLISHED = {"nf4": PUBLISHED_NF4, "fp4": PUBLISHED_FP4}


def nearest(group: np.ndarray, scheme: str) -> np.ndarray:
    """The nearest of the published values times the largest magnitude, one weight at a time."""
    points = np.float32(PUBLISHED[scheme]) * np.abs(group).max()
    return points[np.abs(group[:, None] - points[None, :]).argmin(axis=1)]


@pytest.mark.parametrize("scheme", PUBLISHED)
def test_a_ramp_falls_on_every_published_value_and_no_other(scheme):
    ramp = torch.linspace(-1, 1, 63 * 400).view(-1, 63)
    rounded = round_matrix(torch.cat([torch.ones(len(ramp), 1), ramp], dim=1), 4, scheme)
    assert sorted({*rounded.flatten().tolist()}) == sorted({*np.float32(PUBLISHED[scheme]).tolist()})


@pytest.mark.parametrize("scheme", PUBLISHED)
def test_the_nearest_value_is_taken(scheme):
    weight = torch.randn(7, 100, generator=torch.Generator().manual_seed(0)) * 0.05
    flat, rounded = weight.flatten().numpy(), round_matrix(weight, 4, scheme).flatten().numpy()
    for start in range(0, len(flat), 64):
        block = slice(start, start + 64)
        np.testing.assert_allclose(rounded[block], nearest(flat[block], scheme), rtol=1e-6)


def test_nf4_is_made_of_normal_quantiles():
    # the construction in bitsandbytes' create_normal_map: 8 quantiles above zero, 7 below
    offset = 0.9677083
    above = norm.ppf(np.linspace(offset, 0.5, 9)[:-1])
    below = -norm.ppf(np.linspace(offset, 0.5, 8)[:-1])
    expected = np.sort([*above, 0.0, *below]) / above.max()
    np.testing.assert_allclose(expected, PUBLISHED_NF4, atol=2e-7)


def test_fp4_has_fifteen_different_values():
    assert codes(torch.tensor([[-1.0, -0.001, 0.0, 0.001, 1.0]]), scheme="fp4").tolist() == [[0, 7, 7, 7, 14]]


@pytest.mark.parametrize("scheme", PUBLISHED)
@pytest.mark.parametrize("shape", [(8, 64), (7, 100), (33, 65), (128, 128), (3, 5), (1, 1)])
def test_bitsandbytes_agrees_to_the_bit(scheme, shape):
    functional = pytest.importorskip("bitsandbytes.functional")
    for seed in range(10):
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.05
        packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type=scheme)
        assert torch.equal(functional.dequantize_4bit(packed, state), round_matrix(weight, 4, scheme))
