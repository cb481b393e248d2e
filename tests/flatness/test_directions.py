"""Directions are scaled to the weights as their names say, and planes pass through what they name."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from scipy import stats

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.flatness import random_direction
from unlearnkit.flatness.directions import difference, plane
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import ragged_batches, tiny_gpt2, tiny_llama, whole_hessian


def llama_loss(seed: int = 0, **changes) -> TokenMeanLoss:
    return TokenMeanLoss(tiny_llama(seed, **changes), ragged_batches())


def named(loss: TokenMeanLoss, direction: list[torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Name to (weight, direction), for what moves."""
    pairs = zip(loss.model.named_parameters(), direction, strict=True)
    return {name: (weight.detach(), part) for (name, weight), part in pairs}


# Random ones


def test_draws_are_normal_and_two_directions_have_nothing_in_common():
    loss = llama_loss(vocab_size=600, hidden_size=8)
    first, second = (random_direction(loss, normalise="layer", which=which)[0].flatten() for which in (0, 1))
    for drawn in (first, second):
        assert stats.kstest((drawn / drawn.std()).numpy(), "norm").pvalue > 0.01
        assert abs(drawn.mean() / drawn.std()) < 4 / len(drawn) ** 0.5  # uniform draws in [0, 1]: 1.7
    assert abs(torch.cosine_similarity(first, second, dim=0)) < 4 / len(first) ** 0.5


def test_filters_have_the_weights_lengths_row_by_row_and_gains_stay():
    loss = llama_loss()
    for name, (weight, part) in named(loss, random_direction(loss)).items():
        if weight.dim() == 1:
            assert not part.any(), name
        else:
            torch.testing.assert_close(part.norm(dim=1), weight.norm(dim=1), msg=name)
            assert not torch.allclose(part.norm(dim=0), weight.norm(dim=0), rtol=1e-3), name


def test_filters_of_gpt2_are_the_columns_of_its_conv1d_and_the_rows_of_its_embeddings():
    loss = TokenMeanLoss(tiny_gpt2(), ragged_batches())
    stored_in_by_out = {
        name for name, (weight, _) in named(loss, loss.weights).items() if weight.dim() > 1 and ".h." in name
    }
    assert {name.split(".")[-2] for name in stored_in_by_out} == {"c_attn", "c_proj", "c_fc"}
    for name, (weight, part) in named(loss, random_direction(loss)).items():
        if weight.dim() == 1:
            assert not part.any(), name
            continue
        over = 0 if name in stored_in_by_out else 1
        torch.testing.assert_close(part.norm(dim=over), weight.norm(dim=over), msg=name)
        assert not torch.allclose(part.norm(dim=1 - over), weight.norm(dim=1 - over), rtol=1e-3), name


def test_a_row_of_zeros_stays():
    loss = llama_loss()
    with torch.no_grad():
        loss.weights[0][3] = 0.0
    direction = random_direction(loss)[0]
    assert not direction[3].any()
    assert direction.isfinite().all()


def test_by_layer_and_by_weight():
    loss = llama_loss()
    layers = named(loss, random_direction(loss, normalise="layer"))
    weights = named(loss, random_direction(loss, normalise="weight"))
    for name, (weight, part) in layers.items():
        if weight.dim() > 1:
            assert part.norm() == pytest.approx(weight.norm().item(), rel=1e-5)
            drawn = weights[name][1] / weight.abs()  # the same draw, scaled in another way
            torch.testing.assert_close(drawn / drawn.norm(), part / part.norm(), rtol=1e-4, atol=1e-5)


def test_two_models_of_one_architecture_get_the_same_draws():
    ours, theirs = (random_direction(llama_loss(seed), normalise="filter", seed=5) for seed in (0, 1))
    for a, b in zip(ours, theirs, strict=True):
        if a.dim() > 1:
            torch.testing.assert_close(a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True))
    assert not torch.allclose(ours[0], theirs[0])


def test_a_tied_matrix_is_one_direction_and_frozen_ones_have_none():
    loss = llama_loss()
    assert len(random_direction(loss)) == len(loss.weights) == len(list(loss.model.parameters()))
    loss.model.model.norm.requires_grad_(False)
    assert len(random_direction(loss)) == len(list(loss.model.parameters())) - 1


def test_seeds_and_numbers_give_directions_of_their_own(random_state):
    loss, before = llama_loss(), random_state()
    found = [
        flatten(random_direction(loss, seed=s, which=w)) for s, w in ((0, 0), (0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert torch.equal(found[0], found[1])
    assert all(abs(torch.cosine_similarity(found[0], other, dim=0)) < 0.4 for other in found[2:])
    assert random_state() == before


# Through models


@pytest.fixture
def three():
    """A loss, and two models nearby."""
    return TokenMeanLoss(tiny_llama(0), ragged_batches()), tiny_llama(1), tiny_llama(2)


def test_models_lie_where_their_marks_say_and_the_axes_are_orthogonal(three):
    loss, one, two = three
    found = plane(loss, [one, two])
    first, second = flatten(found.first).double(), flatten(found.second).double()
    assert abs(first @ second) < 1e-6 * first.norm() * second.norm()
    assert found.marks["model"] == (0.0, 0.0)
    assert found.marks["first"] == (1.0, 0.0)
    assert found.marks["second"][1] == 1.0
    assert found.marks["second"][0] != 0.0
    for model, (alpha, beta) in zip((loss.model, one, two), found.marks.values(), strict=True):
        there = flatten(loss.weights).double() + alpha * first + beta * second
        torch.testing.assert_close(there, flatten(list(model.parameters())).double(), rtol=1e-5, atol=1e-6)


def test_three_models_on_a_line_or_twice_the_same_make_no_plane(three):
    loss, one, two = three
    beyond = copy.deepcopy(one)
    with torch.no_grad():
        for weight, start in zip(beyond.parameters(), loss.weights, strict=True):
            weight.add_(weight - start)
    for pair in ((one, beyond), (one, one), (one, copy.deepcopy(loss.model))):
        with pytest.raises(BadInput, match="lie on one line, which is no plane; use connectivity"):
            plane(loss, pair)
    with pytest.raises(BadInput, match="the first model has the very weights of the loss's model"):
        plane(loss, (copy.deepcopy(loss.model), two))


def test_another_architecture_is_refused_with_the_parameters_name(three):
    loss, one, _ = three
    with pytest.raises(BadInput, match=r"gate_proj.weight is \(6, 4\) here, and the other model has one of"):
        plane(loss, (one, tiny_llama(1, intermediate_size=8)))
    with pytest.raises(
        BadInput, match=r"embed_tokens.weight is .* and the other model has no such parameter"
    ):
        plane(loss, (one, tiny_gpt2()))


def test_a_frozen_weight_that_differs_is_refused_because_the_plane_would_miss_the_model(three):
    loss, one, two = three
    frozen = loss.model.model.layers[0].mlp.up_proj.weight.requires_grad_(False)
    with pytest.raises(BadInput, match=r"up_proj.weight is frozen here and differs in the other model"):
        plane(loss, (one, two))
    for model in (one, two):
        model.model.layers[0].mlp.up_proj.weight.data.copy_(frozen)
    assert set(plane(loss, (one, two)).marks) == {"model", "first", "second"}


def test_the_way_to_a_model_in_double_is_taken_in_the_losses_precision(three):
    loss, one, _ = three
    assert {way.dtype for way in difference(loss, copy.deepcopy(one).double())} == {torch.float32}


# Eigenvectors and given vectors


def test_eigen_directions_are_the_hessians_two_outermost():
    loss = llama_loss()
    found = plane(loss, "eigen")
    values, vectors = torch.linalg.eigh(whole_hessian(loss).double())
    outermost = values.abs().argsort(descending=True)[:2]
    assert found.curvatures == pytest.approx(values[outermost].tolist(), rel=1e-3)
    for part, place in zip((found.first, found.second), outermost, strict=True):
        vector = flatten(part).double()
        assert vector.norm() == pytest.approx(1.0, abs=1e-5)
        assert abs(vector @ vectors[:, place]) == pytest.approx(1.0, abs=1e-3)


def test_given_vectors_are_taken_as_they_are():
    loss = llama_loss()
    size = sum(weight.numel() for weight in loss.weights)
    given = torch.eye(size, dtype=torch.float64)[[3, 60]]
    found = plane(loss, list(given))
    assert torch.equal(flatten(found.first), given[0].float())
    assert torch.equal(flatten(found.second), given[1].float())
    assert [part.shape for part in found.first] == [weight.shape for weight in loss.weights]


# What is refused


def _directions(loss: TokenMeanLoss) -> dict:
    size = sum(weight.numel() for weight in loss.weights)
    ones, other = torch.ones(size), torch.arange(size).float()
    return {
        "one vector": [ones],
        "three": [ones, other, ones],
        "none": None,
        "a number": 3,
        "too short": [ones[1:], other],
        "not flat": [ones[None], other],
        "a list of numbers": [[1.0] * size, [2.0] * size],
        "one vector, one model": [ones, loss.model],
        "not finite": [ones, other / 0],
        "parallel": [ones, -3 * ones],
        "zero": [ones, 0 * ones],
    }


@pytest.mark.parametrize("which", list(_directions(llama_loss())))
def test_what_makes_no_plane_is_refused(which):
    loss = llama_loss()
    with pytest.raises(BadInput, match=r"^directions"):
        plane(loss, _directions(loss)[which])


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(UnknownName, match='directions: "eigne" is not known; did you mean "eigen"'):
        plane(llama_loss(), "eigne")
    with pytest.raises(UnknownName, match='normalise: "filtr" is not known; did you mean "filter"'):
        random_direction(llama_loss(), normalise="filtr")


def test_random_directions_that_would_move_nothing_are_refused():
    loss = llama_loss()
    for weight in loss.weights:
        weight.requires_grad_(weight.dim() == 1)
    with pytest.raises(BadInput, match="so nothing would move; give two vectors"):
        plane(loss, "random")


def test_a_vector_that_requires_gradients_does_not_bring_its_graph():
    loss = llama_loss()
    size = sum(weight.numel() for weight in loss.weights)
    given = [torch.ones(size, requires_grad=True), torch.arange(size).float()]
    assert not plane(loss, given).first[0].requires_grad
    assert math.isfinite(given[0].sum().item())
