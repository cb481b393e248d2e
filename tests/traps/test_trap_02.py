"""Trap 2: +eps z, -2 eps z, +eps z in the weights' own dtype does not lead back; ours do, to the bit."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk

ZEROTH_ORDER = ["zo_sgd", "zo_signsgd", "zo_adamm", "adazo"]


def there_and_back(weight: torch.Tensor, eps: float) -> torch.Tensor:
    """MeZO's walk: to one side, to the other, and home."""
    z = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)).to(weight.dtype)
    walked = weight.clone()
    for side in (1, -2, 1):
        walked.add_(z, alpha=side * eps)
    return walked


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_walk_does_not_lead_back(dtype):
    weight = torch.randn(10_000, generator=torch.Generator().manual_seed(1)).to(dtype)
    lost = (there_and_back(weight, 1e-3) != weight).float().mean().item()
    assert lost > 0.1


def test_it_drifts_step_after_step():
    weight = start = torch.randn(10_000, generator=torch.Generator().manual_seed(1)).bfloat16()
    drifts = []
    for _ in range(20):
        weight = there_and_back(weight, 1e-3)
        drifts.append((weight - start).float().norm().item())
    assert drifts[-1] > drifts[0] > 0


@pytest.mark.parametrize("name", ZEROTH_ORDER)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_a_step_that_sees_no_slope_leaves_every_bit(name, dtype, restore):
    # the loss looks at the weights and says the same everywhere: what moved, the walk itself moved
    start = torch.randn(10_000, generator=torch.Generator().manual_seed(1)).to(dtype)
    weight = torch.nn.Parameter(start.clone())
    optimizer = uk.optim.create(name, [weight], lr=1e-3, seed=0, restore=restore)
    for _ in range(3):
        optimizer.step(lambda: (weight * 0).sum().float())
    assert torch.equal(weight.detach(), start)


def test_the_directions_are_drawn_apart_from_the_global_state(random_state):
    weight = torch.nn.Parameter(torch.ones(10))
    before = random_state()
    uk.optim.create("zo_sgd", [weight], lr=1e-3, seed=0).step(lambda: weight.sum() * 2)
    assert random_state() == before


def test_dropout_is_the_same_on_both_sides(toy, make_llama):
    # with another mask on each side, two equal places differ, and their difference is taken for a slope
    model = make_llama(0, attention_dropout=0.5).train()
    ids = torch.tensor([toy.encode(toy.forget)[4].input_ids])
    heard = []

    def loss():
        heard.append(model(input_ids=ids, labels=ids).loss.item())
        return model.lm_head.weight.sum() * 0 + heard[-1]

    start = [weight.detach().clone() for weight in model.parameters()]
    uk.optim.create("zo_sgd", model.parameters(), lr=1e-3, seed=0, radius=1e-30).step(loss)
    sides = list(zip(heard[::2], heard[1::2], strict=True))
    assert all(plus == minus for plus, minus in sides)
    assert len(set(heard)) == len(sides) >= 2  # and another mask for each query
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), start, strict=True))
