"""Graphs are kept if they fit: the plan, made from one batch, is what keeping all of them really takes."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.flatness import GaussNewton, Hessian
from unlearnkit.flatness.batchwise import SHARE_FOR_GRAPHS
from unlearnkit.flatness.second_derivatives import differentiable_twice

from .small import make_batches, make_llama

EVEN, RAGGED = ((4, 4),) * 8, ((40,), *((4,),) * 7)


def make_loss(lengths):
    """Of a model whose gradient is larger than what a short batch's graph saves."""
    return uk.TokenMeanLoss(make_llama(hidden=64, intermediate_size=128), make_batches(lengths))


def bytes_of_all_graphs(matrix):
    """Memory that all graphs hold together beyond the model, each piece once; with nothing scaled up."""
    held = {}

    def hold(tensor):
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    loss = matrix.loss
    saving = torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor)
    with loss.evaluating(), differentiable_twice(), saving, torch.enable_grad():
        graphs = [matrix._graph(batch) for batch in range(len(loss.batches))]
    for graph in graphs:
        parts = graph if isinstance(graph, list) else vars(graph).values()
        for part in parts:
            for tensor in part if isinstance(part, list) else [part]:
                hold(tensor)
    there_anyway = {weight.untyped_storage().data_ptr() for weight in loss.model.parameters()}
    return sum(size for place, size in held.items() if place not in there_anyway)


@pytest.mark.parametrize("kind", [Hessian, GaussNewton])
@pytest.mark.parametrize("lengths", [EVEN, RAGGED], ids=["even", "ragged"])
@pytest.mark.parametrize(("room", "fit"), [(0.9, False), (1.1, True)])
def test_graphs_are_kept_where_there_is_just_room_for_them(kind, lengths, room, fit, monkeypatch):
    matrix = kind(make_loss(lengths))
    free = int(room * bytes_of_all_graphs(matrix) / SHARE_FOR_GRAPHS)
    monkeypatch.setattr("unlearnkit.flatness.batchwise.free_bytes", lambda device: free)
    with matrix.cached():
        matrix @ torch.ones(matrix.size)
        assert len(matrix._graphs) == (len(lengths) if fit else 0)
