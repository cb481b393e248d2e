"""The straight way between two models: its ends, its barrier, and a control that is as long."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch

from unlearnkit.displaced import displaced
from unlearnkit.errors import BadInput
from unlearnkit.flatness import connectivity
from unlearnkit.flatness.directions import as_long
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import Formula, everything, failing, ragged_batches, same, tiny_gpt2, tiny_llama


@pytest.fixture(scope="module")
def loss():
    return TokenMeanLoss(tiny_llama(0), ragged_batches())


def well(start: float, tilt: float = 0.0) -> Formula:
    """(w^2 - 1)^2 + tilt w: a barrier of 1 between its two bottoms."""
    return Formula(lambda w: ((w**2 - 1) ** 2 + tilt * w).sum(), [start])


def test_a_barrier_by_hand():
    # w = -1, -1/2, 0, 1/2, 1
    found = connectivity(well(0.0), well(-1.0).model, well(1.0).model, points=5)
    assert found.alphas == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found.path == (0.0, 0.5625, 1.0, 0.5625, 0.0)
    assert (found.barrier, found.at, found.barrier_over_mean, found.distance) == (1.0, 0.5, 1.0, 2.0)


def test_a_barrier_is_above_the_line_between_unlike_ends_and_not_above_the_higher_one():
    # tilt 2: -2, 0.5625 - 1, 1, 0.5625 + 1, 2; the line goes from -2 to 2, the mean of the ends is 0
    found = connectivity(well(0.0, 2.0), well(-1.0).model, well(1.0).model, points=5)
    assert found.path == (-2.0, -0.4375, 1.0, 1.5625, 2.0)
    assert (found.barrier, found.at, found.barrier_over_mean) == (1.0, 0.5, 2.0)


def test_a_valley_has_no_barrier():
    bowl = Formula(lambda w: (w**2).sum(), [0.0])
    found = connectivity(bowl, Formula(None, [-1.0]).model, Formula(None, [3.0]).model, points=5)
    assert found.path == (1.0, 0.0, 1.0, 4.0, 9.0)
    assert (found.barrier, found.at) == (0.0, 0.0)
    assert found.barrier_over_mean == 4.0  # the other definition calls the higher end a barrier


@pytest.mark.parametrize("make", [tiny_llama, tiny_gpt2], ids=["Llama", "GPT-2"])
def test_the_ends_are_the_models_own_losses_to_the_bit(make, loss):
    one, two = make(1), make(2)
    found = connectivity(loss, one, two, points=4)
    assert found.path[0] == found.control_path[0] == loss.with_model(one)().item()
    assert found.path[-1] == loss.with_model(two)().item()


def test_the_way_is_straight(loss):
    one, two = tiny_llama(1), tiny_llama(2)
    found = connectivity(loss, one, two, points=4)
    for alpha, value in zip(found.alphas, found.path, strict=True):
        between = copy.deepcopy(one)
        with torch.no_grad():
            for weight, other in zip(between.parameters(), two.parameters(), strict=True):
                weight.lerp_(other, alpha)
        assert value == pytest.approx(loss.with_model(between)().item(), rel=1e-5)
    squares = [
        (a - b).detach().double().square().sum()
        for a, b in zip(one.parameters(), two.parameters(), strict=True)
    ]
    assert found.distance == pytest.approx(float(sum(squares)) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("points", [3, 11, 21])
def test_identical_models_have_no_barrier_at_all(points, loss):
    model = tiny_llama(1)
    for other in (model, copy.deepcopy(model)):
        found = connectivity(loss, model, other, points=points)
        assert len(set(found.path + found.control_path)) == 1
        assert (found.barrier, found.barrier_over_mean, found.distance, found.control_barrier) == (0, 0, 0, 0)


def test_back_is_the_same_way(loss):
    there, back = (connectivity(loss, tiny_llama(a), tiny_llama(b), points=5) for a, b in ((1, 2), (2, 1)))
    assert back.path[::-1] == pytest.approx(there.path, rel=1e-5)
    assert back.barrier == pytest.approx(there.barrier, rel=1e-3)
    assert back.distance == there.distance


def test_the_control_is_as_long_tensor_by_tensor_and_knows_nothing_of_the_way():
    one, two = tiny_llama(1), tiny_llama(2)
    with torch.no_grad():
        two.model.norm.weight.copy_(one.model.norm.weight)
    ways = [(b - a).detach() for a, b in zip(one.parameters(), two.parameters(), strict=True)]
    control = as_long(ways, generator(0, "random way"))
    assert [u.norm().item() for u in control] == pytest.approx([way.norm().item() for way in ways], rel=1e-5)
    assert not control[-1].any()
    flat = [torch.cat([part.flatten() for part in parts]) for parts in (ways, control)]
    assert abs(torch.cosine_similarity(*flat, dim=0)) < 0.25
    with torch.no_grad(), displaced(list(one.parameters())) as place:
        place.to((1.0, control))
        end = TokenMeanLoss(one, ragged_batches())().item()
    found = connectivity(TokenMeanLoss(one, ragged_batches()), one, two, points=3, seed=0)
    assert found.control_path[-1] == end


def test_the_controls_barrier_is_above_its_own_line():
    # as far from -1 in one dimension is to 1, or to -3: 0 at 1, 64 at -3, 9 between
    found = [connectivity(well(0.0), well(-1.0).model, well(1.0).model, points=5, seed=s) for s in range(6)]
    assert {way.control_path[-1] for way in found} == {0.0, 64.0}
    for way in found:
        assert way.control_barrier == (1.0 if way.control_path[-1] == 0.0 else 0.0)


def test_a_seed_decides_the_control_and_nothing_else(loss, random_state):
    before = random_state()
    first, again, other = (
        connectivity(loss, tiny_llama(1), tiny_llama(2), points=3, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert other.path == first.path
    assert other.control_path[1:] != first.control_path[1:]
    assert random_state() == before


def test_where_the_loss_overflows_the_way_is_infinitely_high():
    loss = Formula(lambda w: (1 / w**2 - 1 / w**2 + w).sum(), [0.5])  # not a number at 0
    found = connectivity(loss, Formula(None, [-1.0]).model, Formula(None, [1.0]).model, points=3)
    assert (found.path[1], found.barrier, found.at) == (math.inf, math.inf, 0.5)


@pytest.mark.parametrize("error", [None, RuntimeError("lost"), KeyboardInterrupt()], ids=str)
def test_the_models_are_left_as_they_were(error, loss):
    models = [tiny_llama(1).train(), tiny_llama(2), loss.model]
    models[0].model.norm.eval()
    for model in models[:2]:
        model.model.norm.weight.requires_grad_(False)
        model.model.embed_tokens.weight.grad = torch.ones_like(model.model.embed_tokens.weight)
    before = [everything(model) for model in models]
    if error is None:
        connectivity(loss, *models[:2], points=3)
    else:
        with failing(models[0], error, at=7), pytest.raises(type(error)):
            connectivity(loss, *models[:2], points=9)
    assert all(same(*pair) for pair in zip(before, map(everything, models), strict=True))


def test_a_result_is_told_in_plain_values(loss):
    found = connectivity(loss, tiny_llama(1), tiny_llama(2), points=3)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["path"] == list(found.path)
    assert told["barrier"] == found.barrier
    page = found._repr_html_()
    assert f"{found.barrier:.4g} at {found.at:.2f}" in page
    assert f"{found.control_barrier:.4g}" in page


def _not_a_number():
    model = tiny_llama(1)
    with torch.no_grad():
        model.model.embed_tokens.weight[:] = math.nan
    return model


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"points": 2}, "^points must be an integer, 3 or above"),
        ({"points": 5.5}, "^points must be an integer"),
        ({"seed": None}, "^seed must be an integer"),
        ({"model_a": "model"}, "^model_a must be a causal language model, but a str was given"),
        ({"model_b": None}, "^model_b must be a causal language model, but a NoneType was given"),
        (
            {"model_b": tiny_llama(1, intermediate_size=8)},
            r"^model_b: .* not model_a's in name and shape \(see .*mlp",
        ),
        ({"model_b": tiny_gpt2()}, "^model_b: its weights .* both must be of one architecture"),
        ({"model_a": _not_a_number()}, "^model_a: its loss is nan, so no barrier can be told"),
        ({"model_b": _not_a_number()}, "^model_b: its loss is nan"),
        ({"loss": tiny_llama()}, "^loss must be a TokenMeanLoss"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_input_is_refused(change, says, loss):
    given = {"loss": loss, "model_a": tiny_llama(1), "model_b": tiny_llama(2), **change}
    with pytest.raises(BadInput, match=says):
        connectivity(**given)
