"""Muon: torch's own on matrices, AdamW on the rest, both to the bit; and what orthogonalizing means."""

from __future__ import annotations

import copy

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.optim import Muon
from unlearnkit.randomness import generator

OPTIONS = {"lr": 0.02, "weight_decay": 0.1}


def gradients(steps, shape):
    return torch.randn((steps, *shape), generator=generator(0, "test"))


def fresh(*shape):
    return torch.nn.Parameter(torch.linspace(-1, 1, torch.Size(shape).numel()).view(shape))


def walk(optimizer, weights, steps=5):
    for step in range(steps):
        for weight in weights:
            weight.grad = gradients(steps, weight.shape)[step]
        optimizer.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3)])
@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_matrices_are_torchs_to_the_bit(shape, adjust, nesterov):
    ours, theirs = fresh(*shape), fresh(*shape)
    options = {**OPTIONS, "momentum": 0.9, "nesterov": nesterov, "adjust_lr_fn": adjust}
    first = walk(Muon([ours], **options, iterations=4), [ours])
    second = walk(torch.optim.Muon([theirs], **options, ns_steps=4), [theirs])
    assert torch.equal(*first, *second)


def test_what_is_no_matrix_is_torchs_adamw_to_the_bit():
    ours, theirs = ([fresh(6), fresh(2, 3, 4), fresh()] for _ in range(2))
    options = {**OPTIONS, "betas": (0.8, 0.95), "eps": 1e-6}
    first = walk(Muon([*ours, fresh(3, 3)], **options), ours)
    second = walk(torch.optim.AdamW(theirs, **options), theirs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_group_that_says_so_goes_by_adamw_whatever_its_shape():
    hidden, embedding, twin = fresh(6, 4), fresh(6, 4), fresh(6, 4)
    muon = Muon([{"params": [hidden]}, {"params": [embedding], "muon": False}], **OPTIONS)
    walk(muon, [hidden, embedding])
    walk(torch.optim.AdamW([twin], **OPTIONS), [twin])
    assert torch.equal(embedding, twin)
    assert not torch.equal(hidden, twin)
    assert set(muon.state[hidden]) == {"momentum_buffer"}
    assert set(muon.state[embedding]) == {"exp_avg", "exp_avg_sq", "step"}


def test_the_first_step_by_hand():
    # orthogonalizing a diagonal of 3 and -0.5 leaves the signs, here to the accuracy of Newton and Schulz;
    # times 0.2 sqrt(2): as far, root mean square, as AdamW moves on average
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.tensor([[3.0, 0.0], [0.0, -0.5]])
    Muon([weight], lr=1.0).step()
    found = weight.detach() / (0.2 * 2**0.5)
    assert found[0, 1].abs() < 0.02
    assert found[1, 0].abs() < 0.02
    assert -1.3 < found[0, 0] < -0.6
    assert 0.6 < found[1, 1] < 1.3


def test_every_singular_value_of_a_step_is_about_one():
    weight = torch.nn.Parameter(torch.zeros(20, 12))
    weight.grad = gradients(1, (20, 12))[0] * torch.logspace(-1, 1, 12)
    spread = torch.linalg.svdvals(weight.grad)
    assert spread[0] / spread[-1] > 50
    Muon([weight], lr=1.0, adjust_lr_fn="original").step()
    found = torch.linalg.svdvals(weight.detach()) / (20 / 12) ** 0.5
    assert 0.5 < found.min() < found.max() < 1.4


def test_one_rate_moves_matrices_and_vectors_about_as_far():
    matrix, vector = (torch.nn.Parameter(torch.zeros(shape)) for shape in ((60, 40), (60,)))
    walk(Muon([matrix, vector], lr=1e-3), [matrix, vector], 20)
    sizes = [weight.detach().square().mean().sqrt().item() for weight in (matrix, vector)]
    assert 0.2 < sizes[0] / sizes[1] < 1


def test_a_saved_state_of_both_parts_continues_to_the_bit():
    straight, broken = ([fresh(6, 4), fresh(6)] for _ in range(2))
    one, other = (Muon(weights, **OPTIONS) for weights in (straight, broken))
    walk(one, straight)
    walk(other, broken)
    resumed = Muon(broken)
    resumed.load_state_dict(copy.deepcopy(other.state_dict()))
    walk(one, straight)
    walk(resumed, broken)
    assert all(torch.equal(a, b) for a, b in zip(straight, broken, strict=True))


def test_a_scheduler_moves_the_rate_of_both_parts():
    weights, twins = ([fresh(6, 4), fresh(6)] for _ in range(2))
    muon, half = Muon(weights, lr=0.02), Muon(twins, lr=0.01)
    torch.optim.lr_scheduler.LambdaLR(muon, lambda step: 0.5)
    walk(muon, weights, 1)
    walk(half, twins, 1)
    assert all(torch.equal(a, b) for a, b in zip(weights, twins, strict=True))


def test_the_groups_of_the_docstring_name_every_weight_once():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(5, 4)
            self.inner = torch.nn.Linear(4, 4)
            self.lm_head = torch.nn.Linear(4, 5, bias=False)
            self.lm_head.weight = self.embed.weight

    model = Model()
    outer = [w for name, w in model.named_parameters() if "embed" in name or "lm_head" in name]
    inner = [w for w in model.parameters() if all(w is not other for other in outer)]
    muon = Muon([{"params": inner}, {"params": outer, "muon": False}])
    assert [len(group["params"]) for group in muon.param_groups] == [2, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 1.0}, "momentum must be"),
        ({"iterations": 0}, "iterations must be"),
        ({"iterations": 100}, "iterations must be"),
        ({"adjust_lr_fn": "moonshot"}, "adjust_lr_fn:"),
        ({"muon": "no"}, "muon:"),
        ({"nesterov": 1}, "nesterov:"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be"),
        ({"eps": -1e-8}, "eps must be"),
        ({"weight_decay": -0.1}, "weight_decay must be"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(BadInput, match=message):
        Muon([fresh(2, 2)], **options)
