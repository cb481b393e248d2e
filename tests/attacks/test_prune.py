"""Magnitude pruning, against torch's own and by count."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import prune as torch_prune

from unlearnkit.attacks import prune
from unlearnkit.errors import BadInput


@pytest.mark.parametrize("fraction", [0.1, 0.33, 0.5, 0.9])
def test_torch_agrees(fraction, toy, make_llama):
    pruned, theirs = prune(toy.model, fraction=fraction), make_llama(0)
    for module in theirs.modules():
        if isinstance(module, torch.nn.Linear) and module is not theirs.lm_head:
            torch_prune.l1_unstructured(module, "weight", amount=fraction)
            torch_prune.remove(module, "weight")
    torch_prune.l1_unstructured(theirs.model.embed_tokens, "weight", amount=fraction)
    torch_prune.remove(theirs.model.embed_tokens, "weight")
    expected = dict(theirs.named_parameters())
    for name, weight in pruned.named_parameters():
        assert torch.equal(weight, expected[name]), name


@given(rows=st.integers(1, 9), columns=st.integers(1, 9), fraction=st.floats(0.01, 0.99))
def test_as_many_as_asked_for_also_among_equals(rows, columns, fraction):
    layer = torch.nn.Linear(columns, rows, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.where(torch.rand(rows, columns) < 0.5, 0.5, -0.5))
    pruned = prune(layer, fraction=fraction).weight
    count = round(fraction * rows * columns)
    assert (pruned == 0).sum() == count
    assert (pruned.flatten()[:count] == 0).all()  # the first of equals
    assert torch.equal(pruned[pruned != 0], layer.weight[pruned != 0])


def test_zeros_that_were_there_count():
    layer = torch.nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0.0, -1.0, 0.0]]))
    assert prune(layer, fraction=0.5).weight.tolist() == [[3.0, 0.0, -1.0, 0.0]]
    assert prune(layer, fraction=0.75).weight.tolist() == [[3.0, 0.0, 0.0, 0.0]]


def test_a_halfway_count_goes_to_even():
    layer = torch.nn.Linear(5, 1, bias=False)
    assert (prune(layer, fraction=0.5).weight == 0).sum() == 2  # 2.5, as torch.nn.utils.prune rounds it


def test_every_matrix_loses_its_share_and_vectors_nothing(lab):
    pruned = prune(lab.model, fraction=0.25)
    for new, old in zip(pruned.parameters(), lab.model.parameters(), strict=True):
        if old.dim() == 2:
            assert (new == 0).sum() == round(0.25 * old.numel())
            assert old[new == 0].abs().max() <= old[new != 0].abs().min()
        else:
            assert torch.equal(new, old)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 20, float("nan"), "0.2", None])
def test_bad_fractions_are_refused(fraction, toy):
    with pytest.raises(BadInput, match=r"fraction must be between 0 \(excluded\) and 1 \(excluded\)"):
        prune(toy.model, fraction=fraction)
