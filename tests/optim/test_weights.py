"""Which weights an optimizer takes, each once, and whose gradients it refuses."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput

from .one_step import FIRST_ORDER, NAMES, bowl, make, matrix, take_step, tiny_llama

every = pytest.mark.parametrize("name", NAMES)


def still(tensor):
    return torch.nn.Parameter(tensor, requires_grad=False)


REFUSED = {
    "sparse": still(torch.eye(3).to_sparse()),
    "complex": still(torch.zeros(3, 3, dtype=torch.complex64)),
    "of torch.int64": still(torch.zeros(3, 3, dtype=torch.int64)),
}


@every
@pytest.mark.parametrize("kind", REFUSED)
def test_weights_that_have_no_place_on_a_line_are_refused(name, kind):
    with pytest.raises(BadInput, match=rf"shape \(3, 3\) is {kind}"):
        make(name, [matrix(), REFUSED[kind]])
    with pytest.raises(BadInput, match=kind):
        make(name, [{"params": [matrix()]}, {"params": [REFUSED[kind]]}])


@every
def test_a_weight_that_is_named_twice_is_one_weight(name):
    once, twice = matrix(), matrix()
    optimizers = [make(name, [once]), make(name, [twice, twice])]
    assert [len(optimizer.weights) for optimizer in optimizers] == [1, 1]
    for optimizer, weight in zip(optimizers, (once, twice), strict=True):
        for _ in range(3):
            take_step(optimizer, lambda: bowl(weight))  # noqa: B023
    assert torch.equal(once, twice)
    assert not torch.equal(once, matrix())


@every
def test_a_weight_in_two_groups_is_refused(name):
    weight = matrix()
    with pytest.raises(BadInput, match="more than one parameter group"):
        make(name, [{"params": [weight]}, {"params": [weight]}])


@every
def test_a_head_that_is_the_embedding_moves_once(name, same_bits):
    rows = torch.arange(12).view(2, 6)
    models = [tiny_llama(), tiny_llama()]
    for model, more in zip(models, ([], ["head"]), strict=True):
        matrices = [weight for weight in model.parameters() if weight.dim() == 2]
        optimizer = make(name, matrices + [model.lm_head.weight for _ in more])
        assert sum(weight.numel() for weight in optimizer.weights) == sum(w.numel() for w in matrices)
        for _ in range(2):
            take_step(optimizer, lambda: model(input_ids=rows, labels=rows).loss)  # noqa: B023
        assert model.lm_head.weight is model.model.embed_tokens.weight
    assert same_bits(*models)


@every
@pytest.mark.parametrize("there", [slice(0, 3), slice(1, 4)], ids=["the same", "in part"])
def test_two_parameters_over_one_memory_are_refused(name, there):
    memory = torch.zeros(4, 3)
    one, other = torch.nn.Parameter(memory[:3]), torch.nn.Parameter(memory[there])
    with pytest.raises(BadInput, match="share one memory"):
        make(name, [one, other])
    with pytest.raises(BadInput, match="share one memory"):
        make(name, [{"params": [other]}, {"params": [one]}])


@every
def test_parameters_that_lie_apart_in_one_memory_are_fine(name):
    memory = torch.ones(6, 3)
    parts = [torch.nn.Parameter(memory[:3]), torch.nn.Parameter(memory[3:])]
    take_step(make(name, parts), lambda: bowl(*parts))
    assert not (memory == 1).all()


@every
def test_a_transposed_parameter_shares_its_memory(name):
    memory = torch.ones(3, 3)
    with pytest.raises(BadInput, match="share one memory"):
        make(name, [torch.nn.Parameter(memory), torch.nn.Parameter(memory.t())])


@every
def test_a_group_that_is_added_later_is_moved_and_looked_at_too(name):
    early, late = matrix(0), matrix(1)
    optimizer = make(name, [early])
    take_step(optimizer, lambda: bowl(early))
    with pytest.raises(BadInput, match="complex"):
        optimizer.add_param_group({"params": [REFUSED["complex"]]})
    optimizer.add_param_group({"params": [late]})
    for _ in range(2):
        take_step(optimizer, lambda: bowl(early, late))
    assert not torch.equal(late, matrix(1))


@every
def test_what_is_frozen_on_the_way_stays_where_it_is(name):
    moving, frozen = matrix(0), matrix(1)
    optimizer = make(name, [moving, frozen])
    for _ in range(2):
        take_step(optimizer, lambda: bowl(moving, frozen))
    frozen.requires_grad_(False)
    optimizer.zero_grad()
    places = moving.detach().clone(), frozen.detach().clone()
    for _ in range(4):
        take_step(optimizer, lambda: bowl(moving, frozen))
    assert not torch.equal(moving, places[0])
    assert torch.equal(frozen, places[1])
    assert frozen.grad is None


@every
def test_sparse_gradients_are_refused_before_anything_moves(name):
    dense, table = matrix(), torch.nn.Embedding(5, 3, sparse=True)
    before, gradients_on = [dense.detach().clone(), table.weight.detach().clone()], []

    def loss_of():
        gradients_on.append(torch.is_grad_enabled())
        return bowl(dense) + table(torch.tensor([1, 3])).square().sum()

    try:
        take_step(make(name, [dense, table.weight]), loss_of)
    except BadInput as error:
        assert "is sparse" in str(error)
        assert "sparse=False" in str(error)
        assert torch.equal(dense, before[0])
        assert torch.equal(table.weight, before[1])
    else:  # zeroth order looks at no gradient
        assert name not in FIRST_ORDER
        assert not any(gradients_on)


def test_torchs_own_sgd_takes_sparse_gradients():
    # the difference that the test above makes
    table = torch.nn.Embedding(5, 3, sparse=True)
    table(torch.tensor([1])).sum().backward()
    torch.optim.SGD([table.weight], lr=0.1).step()


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_a_sparse_gradient_of_a_closures_own_is_refused_too(name):
    table = torch.nn.Embedding(5, 3, sparse=True)
    before = table.weight.detach().clone()

    def closure():
        loss = table(torch.tensor([1])).square().sum()
        loss.backward()
        return loss

    with pytest.raises(BadInput, match="is sparse"):
        uk.optim.create(name, [table.weight]).step(closure)
    assert torch.equal(table.weight, before)
