"""Adam with 8-bit state: the code against a search, torchao and bitsandbytes, and the rule against Adam."""

from __future__ import annotations

import copy

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import AdamState8bit
from unlearnkit.optim.compressed.dynamic_code import dynamic_code, points
from unlearnkit.randomness import generator
from unlearnkit.rounding.grids import CodebookGrid

CPU = torch.device("cpu")
SHAPE = (64, 128)
UNEVEN = torch.logspace(-1, 0, 128)  # a decade within a block, so two decades of v
WIDE = torch.logspace(-6, 1, 128)  # seven, so fourteen of v, twice as many as the code has
both = pytest.mark.parametrize("signed", [True, False], ids=["m", "v"])


def gradients(steps, shape=SHAPE, scales=UNEVEN):
    draws = torch.randn((steps, *shape), generator=generator(0, "test"))
    draws += 0.3 * draws.sign()
    return draws * scales if shape[-1] == len(scales) else draws


def fresh(shape=SHAPE):
    return torch.nn.Parameter(torch.zeros(shape))


def walk(optimizer, weight, steps=10, scales=UNEVEN):
    """The weights after each of the gradients above."""
    places = []
    for gradient in gradients(steps, weight.shape, scales):
        weight.grad = gradient.to(weight.dtype)
        optimizer.step()
        places.append(weight.detach().clone())
    return places


# The code


def test_the_code_by_hand():
    # the topmost decade of v: 0.1 to 1 in 128 parts; of m in 64. The lowest of v: two parts, of m one.
    v, m = points(signed=False), points(signed=True)
    assert (len(v), len(m), len(set(v)), len(set(m))) == (256,) * 4
    assert v[-2:] == pytest.approx([0.1 + 0.9 * 127.5 / 128, 1.0])
    assert m[-2:] == pytest.approx([0.1 + 0.9 * 63.5 / 64, 1.0])
    assert v[:3] == pytest.approx([0.0, 0.325e-6, 0.775e-6])
    assert m[127] == 0.0
    assert m[128] == pytest.approx(0.55e-6)
    assert m[0] == pytest.approx(-(0.1 + 0.9 * 63.5 / 64))  # there is no -1
    assert min(v) == 0.0


@both
def test_the_table_finds_what_a_search_finds(signed):
    code = dynamic_code(signed, CPU)
    limits = (code.values[1:] + code.values[:-1]) / 2
    near = [
        torch.nextafter(limits, torch.tensor(end)) for end in (-9.0, 9.0)
    ]  # and one bit beside each limit
    spread = torch.randn(200_000, generator=generator(1, "test")) * torch.logspace(-9, 0, 200_000)
    given = torch.cat(
        [code.values, limits, *near, spread.clamp(-1, 1), torch.tensor([1.0, -1.0, -0.0, 1e-40])]
    )
    given = given if signed else given.abs()
    assert torch.equal(
        code.encode(given[None])[0].long(), CodebookGrid.fit(given[None], points(signed)).codes(given[None])
    )


@both
def test_codes_come_back_as_they_were(signed):
    code = dynamic_code(signed, CPU)
    every = torch.arange(256, dtype=torch.uint8)[None]
    again, largest = code.encode(code.decode(every, torch.tensor([3.0])))
    assert torch.equal(again, every)
    assert largest.item() == 3.0


@both
def test_the_code_is_the_one_of_torchao(signed):
    theirs = pytest.importorskip("torchao.optim.quant_utils")
    code = dynamic_code(signed, CPU)
    torch.testing.assert_close(
        code.values, torch.tensor(theirs.create_dynamic_map(signed)), rtol=1e-6, atol=0
    )
    given = gradients(1, scales=WIDE)[0].flatten()
    given = given if signed else given.square()
    shares, scale = theirs.scale_tensor(given, 256)
    ours, largest = code.encode(given.view(-1, 256))
    assert torch.equal(largest, scale)
    # they divide by the largest, we multiply with its inverse: a last bit decides between two as near
    assert_as_near(ours.flatten(), theirs.quantize_8bit_with_qmap(shares, code.values), shares, code.values)


@both
def test_the_code_is_the_one_of_bitsandbytes(signed):
    theirs = pytest.importorskip("bitsandbytes.functional")
    code = dynamic_code(signed, CPU)
    torch.testing.assert_close(code.values, theirs.create_dynamic_map(signed), rtol=1e-6, atol=0)
    given = gradients(1)[0].flatten()
    given = given if signed else given.square()
    codes, kept = theirs.quantize_blockwise(given, code=code.values, blocksize=256)
    ours, largest = code.encode(given.view(-1, 256))
    assert torch.equal(largest, kept.absmax)
    # On the CPU they look shares up in a table of 65,536 between -1 and 1 (all their codes below 1e-5 are
    # off, by up to seven), so only large shares are compared.
    shares = (given.view(-1, 256) / largest[:, None]).flatten()
    large = shares.abs() > 0.01
    assert large.float().mean() > 0.4
    assert_as_near(ours.flatten()[large], codes[large], shares[large], code.values)


def assert_as_near(ours, theirs, shares, values):
    """Where codes differ they are neighbours, few, and ours is no farther than theirs."""
    differ = ours != theirs
    assert differ.float().mean() < 0.01
    assert ((ours.int() - theirs.int()).abs() <= 1).all()
    off = [(values[codes[differ].long()] - shares[differ]).abs() for codes in (ours, theirs)]
    assert (off[0] <= off[1] + 1e-7).all()


# The rule


def test_three_steps_by_hand():
    # equal gradients: every block is at its largest, the code of 1, so nothing is rounded: Adam by hand
    weight = fresh((4096,))
    optimizer = AdamState8bit([weight], lr=0.1, betas=(0.5, 0.5), eps=1e-30)
    for gradient in (2.0, 2.0, -2.0):
        weight.grad = torch.full((4096,), gradient)
        optimizer.step()
    # m: 1, 1.5, -0.25; v: 2, 3, 3.5; steps: 1, 1, then (-0.25 / 0.875) / sqrt(3.5 / 0.875) = -1 / 7
    assert weight.unique().tolist() == pytest.approx([-0.2 + 0.1 / 7])
    state = optimizer.state[weight]
    assert state["m_scale"].unique().tolist() == [0.25]
    assert state["v_scale"].unique().tolist() == [3.5]
    assert state["v"].unique().tolist() == [255]
    # there is no code for -1: the nearest is the lowest, -0.993
    assert state["m"].unique().tolist() == [0]


def test_the_first_step_is_adams_to_the_bit():
    # the step is taken before the state is rounded
    ours, theirs = fresh(), fresh()
    first = walk(AdamState8bit([ours], lr=0.1), ours, 1)
    second = walk(torch.optim.Adam([theirs], lr=0.1, foreach=False), theirs, 1)
    assert torch.equal(first[0], second[0])


def test_small_tensors_are_adams_to_the_bit_all_the_way():
    ours, theirs = fresh((4095,)), fresh((4095,))
    optimizer = AdamState8bit([ours], lr=0.1, weight_decay=0.2)
    first = walk(optimizer, ours)
    second = walk(torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.2, foreach=False), theirs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert optimizer.state[ours]["m"].dtype == torch.float32


def test_large_tensors_stay_near_adam():
    ours, theirs = fresh(), fresh()
    first, second = (
        walk(AdamState8bit([ours], lr=0.1), ours),
        walk(torch.optim.Adam([theirs], lr=0.1), theirs),
    )
    error = (first[-1] - second[-1]).norm() / second[-1].norm()
    assert 0 < error < 0.02


def test_second_moments_far_below_their_blocks_largest_are_lost_unless_the_state_is_kept_in_full():
    # v of less than 1.6e-7 of its block's largest becomes 0; the paper keeps embeddings' state in 32 bits
    apart = {}
    for smallest in (4096, 10**9):
        ours, theirs = fresh(), fresh()
        first = walk(AdamState8bit([ours], lr=0.1, smallest=smallest), ours, scales=WIDE)[-1]
        second = walk(torch.optim.Adam([theirs], lr=0.1, foreach=False), theirs, scales=WIDE)[-1]
        apart[smallest] = (first - second).norm() / second.norm()
    assert apart[4096] > 0.5
    assert apart[10**9] == 0


def test_signed_codes_for_v_would_be_twice_as_coarse():
    # v and m do not share their codes: v has no sign, and its bit goes to the fraction
    given = gradients(1)[0].square().view(-1, 256)
    errors = []
    for signed in (False, True):
        code = dynamic_code(signed, CPU)
        found = code.decode(*code.encode(given))
        kept = given > 1e-3 * given.amax(dim=1, keepdim=True)
        errors.append(((found - given) / given)[kept].abs().mean())
    assert errors[1] > 1.8 * errors[0]


def test_m_and_v_each_have_their_own_code():
    weight = fresh()
    optimizer = AdamState8bit([weight], lr=0.1)
    walk(optimizer, weight, 1)
    state, gradient = optimizer.state[weight], gradients(1)[0].view(-1, 256)
    for name, signed, moment in (("m", True, gradient * 0.1), ("v", False, gradient.square() * 0.001)):
        found = dynamic_code(signed, CPU).decode(state[name], state[f"{name}_scale"])
        largest = moment.abs().amax(dim=1, keepdim=True)
        assert ((found - moment).abs() <= largest * (0.0071 if signed else 0.0036)).all()


@pytest.mark.parametrize("shape", [(4096,), (4097,), (5, 1000), (17, 3, 100)])
def test_the_last_block_may_be_shorter(shape):
    ours, theirs = fresh(shape), fresh(shape)
    optimizer = AdamState8bit([ours], lr=0.1)
    first, second = walk(optimizer, ours, 5), walk(torch.optim.Adam([theirs], lr=0.1), theirs, 5)
    error = (first[-1] - second[-1]).norm() / second[-1].norm()
    assert error < 0.05
    assert len(optimizer.state[ours]["m_scale"]) == -(-ours.numel() // 256)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_saved_state_stays_in_8_bits_and_continues_to_the_bit(dtype):
    straight, broken = (torch.nn.Parameter(torch.zeros(SHAPE, dtype=dtype)) for _ in range(2))
    one, other = (AdamState8bit([weight], lr=0.1) for weight in (straight, broken))
    walk(one, straight, 3)
    walk(other, broken, 3)
    resumed = AdamState8bit([broken])
    resumed.load_state_dict(copy.deepcopy(other.state_dict()))
    walk(one, straight, 3)
    walk(resumed, broken, 3)
    assert torch.equal(straight, broken)
    dtypes = {name: value.dtype for name, value in resumed.state[broken].items() if name != "step"}
    assert dtypes == {"m": torch.uint8, "v": torch.uint8, "m_scale": torch.float32, "v_scale": torch.float32}


def test_a_gradient_that_is_no_number_shows():
    weight = fresh()
    optimizer = AdamState8bit([weight], lr=0.1)
    weight.grad = gradients(1)[0]
    weight.grad[0, 0] = torch.nan
    optimizer.step()
    assert weight[0, 0].isnan()
    assert optimizer.state[weight]["m_scale"][0].isnan()


def test_it_walks_with_torchaos_adam8bit():
    torchao = pytest.importorskip("torchao.optim")
    ours, theirs = fresh(), fresh()
    with torch.compiler.set_stance("force_eager"):
        second = walk(torchao.Adam8bit([theirs], lr=0.1), theirs)
    assert_same_walk(walk(AdamState8bit([ours], lr=0.1), ours), second)


def test_it_walks_with_bitsandbytes_adam8bit():
    bitsandbytes = pytest.importorskip("bitsandbytes")
    ours, theirs = fresh(), fresh()
    second = walk(bitsandbytes.optim.Adam8bit([theirs], lr=0.1, min_8bit_size=4096), theirs)
    assert_same_walk(walk(AdamState8bit([ours], lr=0.1), ours), second)


def assert_same_walk(ours, theirs):
    """Much nearer to each other than to Adam."""
    weight = fresh()
    adam = walk(torch.optim.Adam([weight], lr=0.1), weight)
    apart, rounding = (places[-1] - theirs[-1] for places in (ours, adam))
    print(apart.norm(), rounding.norm())
    assert apart.norm() < rounding.norm() / 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": (1.0, 0.9)}, r"betas\[0\] must be"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be"),
        ({"eps": -1.0}, "eps must be"),
        ({"smallest": -1}, "smallest must be"),
        ({"weight_decay": -1.0}, "weight_decay must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        AdamState8bit([fresh()], **options)
