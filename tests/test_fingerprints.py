"""Hashes say the same for the same bits, and something else for anything else."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.fingerprints import tensors_hash, weights_hash

BASE = torch.tensor([[1.0, 0.0], [2.0, 3.0]])
OTHERS = {
    "name": ("other", BASE),
    "shape": ("one", BASE.reshape(4)),
    "dtype of the same bits": ("one", BASE.view(torch.int32)),
    "last bit": ("one", torch.nextafter(BASE, torch.full_like(BASE, 9.0))),
    "sign of zero": ("one", torch.tensor([[1.0, -0.0], [2.0, 3.0]])),
    "order of values": ("one", BASE.T),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_differs_has_another_hash(name):
    assert tensors_hash([OTHERS[name]]) != tensors_hash([("one", BASE)])


def test_how_it_lies_in_memory_does_not_matter():
    assert tensors_hash([("one", BASE.T.contiguous().T)]) == tensors_hash([("one", BASE.clone())])


def test_order_matters():
    pair = [("a", BASE), ("b", BASE + 1)]
    assert tensors_hash(pair) != tensors_hash(pair[::-1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int8, torch.bool])
def test_every_width_has_one(dtype):
    value = torch.tensor([0.0, 1.0]).to(dtype)
    assert tensors_hash([("a", value)]) == tensors_hash([("a", value.clone())])
    assert tensors_hash([("a", value)]) != tensors_hash([("a", value.flip(0))])


def test_of_a_model_gradients_and_modes_do_not_count():
    model = torch.nn.Linear(2, 2)
    before = weights_hash(model)
    model(torch.ones(1, 2)).sum().backward()
    model.eval().requires_grad_(False)
    assert weights_hash(model) == before
    with torch.no_grad():
        model.bias[0] += 1
    assert weights_hash(model) != before
