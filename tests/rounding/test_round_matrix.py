"""Every scheme against arithmetic in NumPy, against torch's quantizer, and against itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.rounding import SCHEMES, codes, round_matrix, round_rows, symmetric_codes

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


def groups_of(weight: np.ndarray, scheme: str) -> list[np.ndarray]:
    """Views of the weights that share a grid."""
    if "tensor" in scheme:
        return [weight]
    if "group" in scheme:
        return [row[start : start + 64] for row in weight for start in range(0, len(row), 64)]
    if scheme in ("nf4", "fp4"):
        flat = weight.reshape(-1)
        return [flat[start : start + 64] for start in range(0, len(flat), 64)]
    return list(weight)


def by_hand(group: np.ndarray, scheme: str, bits: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Codes, rounded values and step of one group, in float64."""
    exact = group.astype(np.float64)
    if "asymmetric" in scheme:
        low, high = min(0.0, exact.min()), max(0.0, exact.max())
        step = (high - low) / (2**bits - 1) or 1.0
        zero = np.rint(-low / step)  # what stands for 0 among 0 .. 2^bits - 1
        found = np.clip(np.rint(exact / step) + zero, 0, 2**bits - 1) - zero
    else:
        last = 2 ** (bits - 1) - 1
        step = np.abs(exact).max() / last or 1.0
        found = np.rint(exact / step)
    return found, found * step, step


@pytest.mark.parametrize(("scheme", "bits"), UNIFORM)
@settings(max_examples=40)
@given(weight=weights())
def test_uniform_schemes_are_those_of_arithmetic(scheme, bits, weight):
    given_codes = codes(torch.from_numpy(weight.copy()), bits=bits, scheme=scheme).numpy().copy()
    rounded = round_matrix(torch.from_numpy(weight.copy()), bits, scheme).numpy().copy()
    views = (groups_of(each, scheme) for each in (weight, given_codes, rounded))
    for group, found, result in zip(*views, strict=True):
        expected, expected_values, step = by_hand(group, scheme, bits)
        tie = np.abs(np.abs(group / step) % 1 - 0.5) < 1e-4  # float32 may round a half to either side
        ends = np.abs(np.abs(group.min() / step) % 1 - 0.5) < 1e-4
        if not ends or "asymmetric" not in scheme:  # there a half moves the zero point
            np.testing.assert_array_equal(found[~tie], expected[~tie])
            np.testing.assert_allclose(result[~tie], expected_values[~tie], rtol=1e-5, atol=1e-6)
        assert (np.abs(result - group) <= step * (1.001 if "asymmetric" in scheme else 0.501)).all()


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("scheme", ["rtn-row-asymmetric", "rtn-tensor-asymmetric", "rtn", "rtn-tensor"])
def test_torch_agrees(scheme, bits):
    weight = torch.randn(6, 90, generator=torch.Generator().manual_seed(1)) * 0.1 + 0.02
    if "asymmetric" in scheme:
        observer = torch.ao.quantization.observer
        kind = observer.PerChannelMinMaxObserver if "row" in scheme else observer.MinMaxObserver
        per = torch.per_channel_affine if "row" in scheme else torch.per_tensor_affine
        watch = kind(dtype=torch.quint8, qscheme=per, quant_min=0, quant_max=2**bits - 1, eps=1e-12)
        watch(weight)
        scale, zero = watch.calculate_qparams()
        ends = 0, 2**bits - 1
    else:
        ends = -(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1
        largest = weight.abs().amax(dim=1) if scheme == "rtn" else weight.abs().max()
        scale = largest / ends[1]
        zero = torch.zeros_like(scale, dtype=torch.int32)
    if scale.numel() > 1:
        expected = torch.fake_quantize_per_channel_affine(weight, scale, zero.int(), 0, *ends)
    else:
        expected = torch.fake_quantize_per_tensor_affine(weight, scale.item(), int(zero), *ends)
    torch.testing.assert_close(round_matrix(weight, bits, scheme), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("scheme", "bits"), CASES)
@settings(max_examples=40)
@given(weight=weights())
def test_rounding_twice_is_rounding_once(scheme, bits, weight):
    once = round_matrix(torch.from_numpy(weight.copy()), bits, scheme)
    twice = round_matrix(once, bits, scheme)
    assert torch.equal(codes(twice, bits=bits, scheme=scheme), codes(once, bits=bits, scheme=scheme))
    torch.testing.assert_close(twice, once, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_an_asymmetric_grid_whose_ends_are_halves_keeps_its_length(bits):
    # -w and w: both ends lie midway between two multiples of the step, in every last bit there is
    for seed in range(200):
        half = torch.randn(1, 20, generator=torch.Generator().manual_seed(seed))
        weight = torch.cat([half, -half], dim=1)
        found = codes(weight, bits=bits, scheme="rtn-row-asymmetric")
        assert found.max() - found.min() == 2**bits - 1
        once = round_matrix(weight, bits, "rtn-row-asymmetric")
        torch.testing.assert_close(round_matrix(once, bits, "rtn-row-asymmetric"), once, rtol=1e-6, atol=0)


def test_asymmetric_written_out():
    # from -0.3 to 1.2 in 15 steps of 0.1; zero is a multiple
    weight = torch.tensor([[1.2, -0.3, 0.04, 0.56]])
    assert codes(weight, scheme="rtn-row-asymmetric").tolist() == [[12, -3, 0, 6]]
    # all above zero: the grid begins at zero, not at the smallest weight
    weight = torch.tensor([[1.5, 1.04, 0.96]])
    expected = torch.tensor([[1.5, 1.0, 1.0]])
    torch.testing.assert_close(round_matrix(weight, 4, "rtn-row-asymmetric"), expected)


def test_who_shares_a_grid():
    # a weight of 700 in row 0, column 0: its step of 100 rounds away whatever shares its grid
    weight = torch.ones(3, 130)
    weight[0, 0] = 700.0
    lost = {scheme: (round_matrix(weight, 4, scheme) == 0).nonzero() for scheme in SCHEMES}
    assert len(lost["rtn"]) == 129
    assert (lost["rtn"][:, 0] == 0).all()
    assert len(lost["rtn-tensor"]) == 3 * 130 - 1
    for scheme in ("rtn-group", "nf4", "fp4"):
        assert lost[scheme].tolist() == [[0, column] for column in range(1, 64)], scheme
    # 130 columns: groups end with the row, blocks do not
    weight = torch.ones(3, 130)
    weight[1, 0] = 700.0  # place 130 of the flat matrix, in the block of 128 to 191
    grouped, blocked = ((round_matrix(weight, 4, s) == 0).nonzero().tolist() for s in ("rtn-group", "nf4"))
    assert grouped == [[1, column] for column in range(1, 64)]
    assert blocked == [[0, 128], [0, 129], *([1, column] for column in range(1, 62))]


def test_the_default_scheme_is_that_of_costs_to_the_bit():
    weight = torch.randn(50, 70, generator=torch.Generator().manual_seed(0))
    for bits in (2, 3, 4, 8):
        found, scale = symmetric_codes(weight, bits)
        for rounded in (round_matrix(weight, bits), round_rows(weight, bits)):
            assert rounded.numpy().tobytes() == (found * scale).numpy().tobytes()
        assert torch.equal(codes(weight, bits=bits), found.to(torch.int16))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_dtype_is_kept_and_the_input_unchanged(scheme, dtype):
    weight = torch.randn(4, 70, generator=torch.Generator().manual_seed(0)).to(dtype)
    before = weight.clone()
    rounded = round_matrix(weight, 4, scheme)
    assert rounded.dtype == dtype
    assert torch.equal(weight, before)
    assert torch.equal(rounded, round_matrix(weight.float(), 4, scheme).to(dtype))
    assert codes(weight, scheme=scheme).dtype == torch.int16


@pytest.mark.parametrize("scheme", SCHEMES)
def test_zeros_stay(scheme):
    assert torch.equal(round_matrix(torch.zeros(3, 70), 4, scheme), torch.zeros(3, 70))


@pytest.mark.parametrize("use", [round_matrix, codes])
def test_bad_schemes_and_bits_are_refused(use):
    weight = torch.ones(1, 1)
    with pytest.raises(UnknownName, match='scheme: "nf5" is not known; did you mean "nf4"'):
        use(weight, bits=4, scheme="nf5")
    for bits in (0, 1, 9, 4.5, "4", True):
        with pytest.raises(UnknownName, match="bits"):
            use(weight, bits=bits, scheme="rtn-group")
    for scheme in ("nf4", "fp4"):
        with pytest.raises(BadInput, match=rf'"{scheme}".* has 4 bits, not 3; use bits=4, or .*rtn-group'):
            use(weight, bits=3, scheme=scheme)
