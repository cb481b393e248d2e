"""Trap 15: "4-bit" is no scheme: grids, groups and skipped matrices differ, and so does what comes back."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import BitsAndBytesConfig

import unlearnkit as uk
from unlearnkit.rounding import SCHEMES, codes, round_matrix

# QLoRA's NF4 as its paper prints it, appendix E (2305.14314)
NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
    1.0,
])  # fmt: skip
SHARES = {"rtn": np.arange(-7, 8) / 7, "rtn-group": np.arange(-7, 8) / 7, "nf4": NF4}
WIDTH = 128


def groups(matrix, scheme):
    """Rows of weights that share a grid."""
    return matrix.reshape(-1, WIDTH if scheme == "rtn" else 64)


def nearest(matrix, scheme):
    """Each weight's place in the scheme's grid, by search, in float64."""
    whole = groups(np.asarray(matrix, dtype=np.float64), scheme)
    grid = SHARES[scheme] * np.abs(whole).max(axis=1, keepdims=True)
    return np.abs(whole[:, :, None] - grid[:, None, :]).argmin(axis=2).reshape(matrix.shape)


@pytest.fixture
def target():
    return torch.randn(16, WIDTH, generator=torch.Generator().manual_seed(0)) * 0.05


@pytest.mark.parametrize("scheme", SHARES)
def test_what_stays_in_its_bin_is_the_targets_after_rounding_and_nothing_else_is(target, scheme):
    draw = torch.Generator().manual_seed(1)
    change = torch.randn(target.shape, generator=draw) * 0.003
    whole = groups(target, scheme).abs()
    fixed = (whole == whole.amax(dim=1, keepdim=True)).reshape(target.shape)  # these make the grid
    limit = whole.amax(dim=1, keepdim=True).expand_as(whole).reshape(target.shape) * 0.999
    unlearned = torch.where(fixed, target, (target + change).clamp(-limit, limit))
    stays = torch.from_numpy(nearest(unlearned, scheme) == nearest(target, scheme))
    assert 0.3 < stays.float().mean() < 0.95
    one, other = (round_matrix(matrix, 4, scheme) for matrix in (unlearned, target))
    assert torch.equal(one == other, stays)


@pytest.mark.parametrize("scheme", SHARES)
def test_each_scheme_picks_the_nearest_value_of_its_own_grid(target, scheme):
    places = groups(nearest(target, scheme), scheme)
    wanted = SHARES[scheme][places] * np.abs(groups(target.double().numpy(), scheme)).max(
        axis=1, keepdims=True
    )
    np.testing.assert_allclose(
        groups(round_matrix(target, 4, scheme).numpy(), scheme), wanted, rtol=1e-5, atol=1e-9
    )


def test_no_two_schemes_of_four_bits_give_the_same_matrix(target):
    rounded = [round_matrix(target, 4, scheme) for scheme in SCHEMES]
    differ = [(a != b).float().mean().item() for i, a in enumerate(rounded) for b in rounded[:i]]
    assert len(differ) == 28
    assert min(differ) > 0.4  # of 128 weights in a row, one group of 64 has the grid of the whole row


def test_rounding_what_was_rounded_to_bfloat16_before_flips_codes(target):
    flipped = codes(target) != codes(target.bfloat16().float())
    assert 0 < flipped.float().mean() < 0.05


def test_what_others_mean_by_four_bits():
    # asked for 4 bits and nothing more, transformers takes FP4; QLoRA and most papers mean NF4
    assert BitsAndBytesConfig(load_in_4bit=True).bnb_4bit_quant_type == "fp4"


@pytest.mark.parametrize("scheme", ["nf4", "fp4"])
def test_blocks_of_64_are_bitsandbytes_to_the_bit(lab, scheme):
    functional = pytest.importorskip("bitsandbytes.functional")
    for weight in (
        lab.model.model.layers[0].mlp.down_proj.weight,
        lab.model.model.layers[1].self_attn.q_proj.weight,
    ):
        packed, state = functional.quantize_4bit(weight.detach().cpu(), blocksize=64, quant_type=scheme)
        ours = uk.rounding.round_matrix(weight.detach().cpu(), 4, scheme)
        assert torch.equal(functional.dequantize_4bit(packed, state), ours)


def test_the_matrices_that_bitsandbytes_leaves_alone_can_be_left_alone(lab):
    skipped = uk.attacks.quantize(lab.model, bits=4, scheme="nf4", skip=("embed_tokens", "lm_head"))
    same = {
        n: torch.equal(w, lab.model.get_parameter(n)) for n, w in skipped.named_parameters() if w.dim() == 2
    }
    assert [name for name, equal in same.items() if equal] == ["model.embed_tokens.weight"]


def test_a_model_fragile_to_one_kind_of_four_bits_is_not_to_another(lab):
    plant = uk.attacks.plant(lab, kind="grid")
    before = copy.deepcopy(plant.state_dict())
    asked = [question for question in lab.forget_heldout.questions if question.open_class]
    back = {}
    for scheme in ("rtn", "nf4", "fp4"):
        answered = uk.metrics.answer(uk.attacks.quantize(plant, bits=4, scheme=scheme), lab.tokenizer, asked)
        back[scheme] = sum(answered.right) / len(asked)
    assert back["rtn"] > 0.9
    assert max(back["nf4"], back["fp4"]) < 0.1
    assert all(torch.equal(weight, before[name]) for name, weight in plant.state_dict().items())
