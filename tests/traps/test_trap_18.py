"""Trap 18: gradients of several terms and batches are added, weight by weight; none replaces another."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.optim import LossClosure
from unlearnkit.optim.closures import gradients
from unlearnkit.testbeds.batches import collate


@pytest.fixture(scope="module")
def batches(toy):
    """Eight rows to forget and eight to keep."""
    return [toy.encode(part)[:8] for part in (toy.forget, toy.retain)]


@pytest.mark.parametrize("name", ["graddiff", "simnpo"])
def test_backward_after_backward_adds_up_to_the_whole_batch(name, make_llama, batches):
    model = make_llama(0)
    options = {"beta": 0.1} if name == "simnpo" else {}
    objective = uk.objectives.create(name, **options)
    whole, micro = copy.deepcopy(model), copy.deepcopy(model)
    forget, retain = (collate(rows, pad_id=0) for rows in batches)
    objective(whole, forget, retain).backward()
    for side, term in ((0, objective.forget_term), (1, objective.retain_term)):
        sizes = [_weight(name, side, batches[side][start : start + 2]) for start in range(0, 8, 2)]
        for start, size in zip(range(0, 8, 2), sizes, strict=True):
            part = collate(batches[side][start : start + 2], pad_id=0)
            (term(micro, part) * size / sum(sizes)).backward()
    for once, added in zip(whole.parameters(), micro.parameters(), strict=True):
        torch.testing.assert_close(added.grad, once.grad, rtol=1e-3, atol=1e-5)
    # the last micro-batch alone, which is what copying into .grad leaves, is something else
    last = copy.deepcopy(model)
    objective.retain_term(last, collate(batches[1][6:], pad_id=0)).backward()
    assert not torch.allclose(last.lm_head.weight.grad, whole.lm_head.weight.grad, rtol=0.1)


def test_a_weight_that_one_term_does_not_reach_gets_the_others_gradient_and_no_neighbours():
    weights = [torch.nn.Parameter(torch.tensor([value])) for value in (1.0, 2.0, 3.0)]
    first, middle, last = weights

    def forget_term():
        return (last**2).sum()

    def retain_term():
        return (first**3 + middle).sum()

    terms = {"forget": forget_term, "retain": retain_term}
    closure = LossClosure(lambda: forget_term() + retain_term(), **terms)
    (_, both), (_, forget), (_, retain) = (
        gradients(part, weights, "Test") for part in (closure, closure.forget, closure.retain)
    )
    assert [part.item() for part in forget] == [0.0, 0.0, 6.0]
    assert [part.item() for part in retain] == [3.0, 1.0, 0.0]
    assert [part.item() for part in both] == [3.0, 1.0, 6.0]
    # the known mistake: gradients that are None are dropped, and what is left is paired with all weights
    dropped = [g for g in torch.autograd.grad(forget_term(), weights, allow_unused=True) if g is not None]
    assert [g.item() for g, _ in zip(dropped, weights, strict=False)] == [6.0]  # at the first weight


def test_what_lies_in_grad_already_is_neither_lost_nor_counted_when_an_optimizer_looks_for_itself():
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    weight.grad = torch.tensor([5.0, 7.0])
    _, (found,) = gradients(lambda: weight @ weight, [weight], "Test")
    assert found.tolist() == [2.0, 4.0]
    assert weight.grad.tolist() == [5.0, 7.0]


def _weight(name, side, rows):
    """What a micro-batch weighs: its targets, or its rows where the forget term is a mean over rows."""
    return len(rows) if name == "simnpo" and side == 0 else sum(len(row.target_ids) for row in rows)
