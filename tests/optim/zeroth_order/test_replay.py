"""Directions drawn tensor by tensor: the same in any order of asking, and the stream's, number by number."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.optim import Directions
from unlearnkit.optim.zeroth_order.replay import Replay
from unlearnkit.randomness import generator

SHAPES = ((6, 5), (7,), (3, 4), (300, 400), (1,))
ORDERS = ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 2, 0, 4, 1, 3, 0])
WAYS = ({}, {"in_any_order": True}, {"keep": True})
KINDS = [
    *({"law": law} for law in ("sphere", "gaussian", "rademacher", "unit sphere")),
    {"law": "sphere", "rank": 2}, {"law": "gaussian", "density": 0.3}, {"law": "sphere", "density": 0.3},
]  # fmt: skip


def weights(dtype=torch.float32):
    return [torch.zeros(shape, dtype=dtype) for shape in SHAPES]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_tensor_is_the_same_whenever_it_is_asked_for(kind, order, way):
    directions = Directions(**kind, seed=2)
    whole = directions.draw(weights(), "direction", 3, 1)
    replay = Replay(directions, weights(), "direction", 3, 1, **way)
    for index in order:
        assert torch.equal(replay.of(index), whole[index])
    replay.let_go()
    for index in order:
        assert torch.equal(replay.of(index), whole[index])


def test_normal_directions_are_the_numbers_of_one_stream_in_order():
    source = generator(4, "direction", 0, 2)
    expected = [torch.randn(shape, generator=source) for shape in SHAPES]
    drawn = Directions("gaussian", seed=4).draw(weights(), "direction", 0, 2)
    assert all(torch.equal(one, other) for one, other in zip(drawn, expected, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_sphere_is_those_numbers_over_their_root_mean_square(dtype):
    source = generator(4, "direction", 0, 2)
    normals = [torch.randn(shape, generator=source, dtype=dtype) for shape in SHAPES]
    square = sum(float(u.double().square().sum()) for u in normals)
    scale = (sum(u.numel() for u in normals) / square) ** 0.5
    drawn = Directions("sphere", seed=4).draw(weights(dtype), "direction", 0, 2)
    assert all(torch.equal(one, other * scale) for one, other in zip(drawn, normals, strict=True))


def test_what_is_asked_for_is_free_to_be_written_into_unless_it_is_kept():
    drawn, kept = (Replay(Directions(seed=1), weights(), 0, keep=keep) for keep in (False, True))
    assert (drawn.keeps, kept.keeps) == (False, True)
    drawn.of(1).zero_()
    assert drawn.of(1).square().sum() > 0
    assert kept.of(1) is kept.of(1)


def test_signs_are_independent_bits():
    # 64 signs a word: none of the places in a word, and no word, may say anything of another
    drawn = Directions("rademacher", seed=0).draw([torch.zeros(64 * 4000)])[0].view(4000, 64)
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert drawn.mean(dim=0).abs().max() < 5 / 4000**0.5
    between = drawn.T @ drawn / 4000 - torch.eye(64)
    assert between.abs().max() < 5 / 4000**0.5
    assert (drawn[1:] * drawn[:-1]).mean(dim=0).abs().max() < 5 / 4000**0.5


@pytest.mark.parametrize("shape", [(), (1,), (63,), (64,), (65,), (3, 50), (0,)])
@pytest.mark.parametrize("law", ["rademacher", "gaussian", "sphere"])
def test_any_shape_can_be_drawn(law, shape):
    (drawn,) = Directions(law).draw([torch.zeros(shape)])
    assert drawn.shape == shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_directions_of_weights_in_half_precision_are_those_of_float32(kind, dtype):
    half, single = (Directions(**kind, seed=2).draw(weights(dt), 0) for dt in (dtype, torch.float32))
    assert all(torch.equal(one, other) for one, other in zip(half, single, strict=True))


def test_seeds_steps_and_queries_have_directions_of_their_own():
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]
    drawn = {
        tuple(Directions(law, seed=seed).draw([torch.zeros(64)], "direction", step, query)[0].tolist())
        for law in ("gaussian", "rademacher", "sphere")
        for seed, step, query in places
    }
    assert len(drawn) == 15
