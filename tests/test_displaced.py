"""Weights moved for a look, and put back to the bit."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.displaced import Displaced, displaced, flatten, to_the_end, unflatten


def parameters(dtype=torch.float32):
    source = torch.Generator().manual_seed(0)
    shapes = ((3, 4), (5,), ())
    return [torch.nn.Parameter(torch.randn(shape, generator=source).to(dtype)) for shape in shapes]


def _fail():
    raise RuntimeError


def direction(weights, seed):
    source = torch.Generator().manual_seed(seed)
    return [torch.randn(weight.shape, generator=source).to(weight.dtype) for weight in weights]


def bits(weights):
    return [weight.detach().clone().reshape(-1).view(torch.uint8).tolist() for weight in weights]


def test_a_place_is_the_origin_and_a_sum_of_directions():
    weights = parameters()
    before, first, second = (
        [w.detach().clone() for w in weights],
        direction(weights, 1),
        direction(weights, 2),
    )
    with displaced(weights) as place:
        place.to((0.5, first), (-2.0, second))
        for weight, start, a, b in zip(weights, before, first, second, strict=True):
            assert torch.allclose(weight, start + 0.5 * a - 2.0 * b)


def test_places_do_not_add_up():
    weights = parameters()
    way = direction(weights, 1)
    with displaced(weights) as place:
        place.to((0.3, way))
        once = bits(weights)
        for _ in range(20):
            place.to((1e4, way))
            place.to((0.3, way))
        assert bits(weights) == once


@pytest.mark.parametrize("steps", [(), (0.0,), (0.0, 0.0)])
def test_without_a_step_it_is_the_origin_to_the_bit(steps):
    weights = parameters()
    before, way = bits(weights), direction(weights, 1)
    with displaced(weights) as place:
        place.to((1.0, way))
        place.to(*((step, way) for step in steps))
        assert bits(weights) == before


def test_a_direction_of_scale_zero_may_hold_anything():
    weights = parameters()
    before, nothing = bits(weights), [torch.full_like(weight, torch.nan) for weight in weights]
    with displaced(weights) as place:
        place.to((0.0, nothing))
        assert bits(weights) == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("raised", [None, RuntimeError, KeyboardInterrupt])
def test_after_the_block_everything_is_as_it_was(dtype, raised):
    weights = parameters(dtype)
    with torch.no_grad():
        weights[1][:3] = torch.tensor([-0.0, torch.nan, torch.inf])
    weights[0].grad = torch.ones_like(weights[0])
    weights[2].requires_grad_(False)
    before, needed, homes = bits(weights), [w.requires_grad for w in weights], [w.data_ptr() for w in weights]
    try:
        with displaced(weights) as place:
            place.to((0.7, direction(weights, 1)))
            assert bits(weights) != before
            if raised:
                raise raised
    except (RuntimeError, KeyboardInterrupt) as error:
        assert type(error) is raised  # a Ctrl-C is no Exception, and must get through
    assert bits(weights) == before
    assert [w.requires_grad for w in weights] == needed
    assert [w.data_ptr() for w in weights] == homes
    assert torch.equal(weights[0].grad, torch.ones_like(weights[0]))
    assert weights[1].grad is None


@pytest.mark.parametrize("times", [1, 3])
def test_a_ctrl_c_on_the_way_back_is_raised_after_it(monkeypatch, times):
    weights = parameters()
    before, left, back = bits(weights), [times], Displaced.to

    def interrupted(self, *steps):
        if not steps and left[0]:
            left[0] -= 1
            self.weights[0].detach().copy_(self.kept[0])
            raise KeyboardInterrupt
        back(self, *steps)

    monkeypatch.setattr(Displaced, "to", interrupted)
    with pytest.raises(KeyboardInterrupt), displaced(weights) as place:
        place.to((1.0, direction(weights, 1)))
    assert left == [0]
    assert bits(weights) == before


def test_what_fails_is_not_begun_anew():
    begun = []
    with pytest.raises(RuntimeError):
        to_the_end(lambda: begun.append(1) or _fail())
    assert begun == [1]


def test_a_direction_that_is_too_short_changes_nothing():
    weights = parameters()
    before = bits(weights)
    with pytest.raises(IndexError), displaced(weights) as place:
        place.to((1.0, direction(weights, 1)[:2]))
    assert bits(weights) == before


def test_a_tied_weight_moves_once():
    tied = torch.nn.Linear(3, 3, bias=False)
    model = torch.nn.Sequential(tied, torch.nn.Linear(3, 3))
    model[1].weight = tied.weight
    with displaced(list(model.parameters())) as place:
        start = tied.weight.detach().clone()
        place.to((1.0, [torch.ones_like(w) for w in model.parameters()]))
        assert torch.equal(tied.weight, start + 1)


def test_flat_and_back():
    weights = parameters()
    flat = flatten(weights).detach()
    assert flat.shape == (3 * 4 + 5 + 1,)
    assert flat[:12].tolist() == weights[0].flatten().tolist()
    parts = unflatten(flat, weights)
    assert all(torch.equal(part, weight) for part, weight in zip(parts, weights, strict=True))
    flat[0] = 7.0
    assert parts[0][0, 0] == 7.0


def test_a_column_of_a_matrix_unflattens():
    weights = parameters()
    columns = torch.randn(18, 2)
    assert torch.equal(flatten(unflatten(columns[:, 1], weights)), columns[:, 1])
