"""Float32 masters: small steps add up, and every optimizer goes on as over rounded float32 weights."""

from __future__ import annotations

import copy
import math
import warnings
from functools import partial

import pytest
import torch

import unlearnkit as uk
from unlearnkit.losses import mean_nll
from unlearnkit.optim import LossClosure, MasterWeights, create
from unlearnkit.testbeds.batches import collate

from .half_weights import START, STEEP, closure_of, half_weight, run, shorter, take_step, wrap

NAMES = list(uk.optim.catalogue().name)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # zeroth order says what rounding costs


def flat(weights):
    return torch.cat([weight.detach().flatten() for weight in weights]).clone()


# Why there are masters


@pytest.mark.parametrize("name", ["sgd", "adam", "signsgd", "signadam"])
def test_small_steps_add_up_in_masters_and_vanish_without(name):
    # trap 1: 1.0 has its lower neighbour at 0.99609375 in bfloat16, 195 steps of 1e-5 away from rounding
    ends = []
    for wrapped in (True, False):
        weight = half_weight(torch.ones(3))
        optimizer = wrap([weight], name, lr=1e-5) if wrapped else create(name, [weight], lr=1e-5)
        moved = []
        for _ in range(300):
            weight.grad = torch.ones_like(weight)
            optimizer.step()
            moved.append(getattr(optimizer, "moved_fraction", None))
        ends.append(weight.tolist())
        if wrapped:
            assert optimizer.masters[weight].tolist() == pytest.approx([1 - 300e-5] * 3, abs=2e-5)
            assert (moved.count(1.0), moved.count(0.0)) == (1, 299)
            assert 190 < moved.index(1.0) < 200
    assert ends == [[0.99609375] * 3, [1.0] * 3]


def test_the_moved_fraction_counts_weights():
    # the step of 0.3 moves all but the last, whose neighbours lie 2 away
    weights = [half_weight(torch.tensor([1.0, 10.0])), half_weight(torch.tensor([300.0]))]
    optimizer = MasterWeights(weights, partial(torch.optim.SGD, lr=0.3))
    assert math.isnan(optimizer.moved_fraction)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert optimizer.moved_fraction == pytest.approx(2 / 3)


# It is the inner optimizer, over weights that the loss sees rounded


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_goes_as_in_float32_with_a_loss_of_rounded_weights(name, dtype):
    weight, plain = half_weight(dtype=dtype), torch.nn.Parameter(START.to(dtype).float())
    optimizer, reference = wrap([weight], name), create(name, [plain], lr=0.01, **shorter(name))
    for _ in range(6):
        ours = take_step(optimizer, closure_of(weight.float))
        theirs = take_step(reference, closure_of(lambda: plain.to(dtype).float()))
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)
        assert torch.equal(optimizer.masters[weight], plain)
        assert torch.equal(weight, plain.to(dtype))
    assert not torch.equal(plain, START.to(dtype).float())


def test_the_check_catches_an_optimizer_that_rounds_what_it_keeps():
    weight, plain = half_weight(), torch.nn.Parameter(START.bfloat16().float())
    run(create("adam", [weight], lr=0.01), weight, 6)
    reference = create("adam", [plain], lr=0.01)
    for _ in range(6):
        take_step(reference, closure_of(lambda: plain.bfloat16().float()))
    assert not torch.equal(weight, plain.bfloat16())


def test_adamw_is_torchs_on_the_same_gradients():
    weight = half_weight()
    plain = torch.nn.Parameter(START.bfloat16().float())
    optimizer = MasterWeights([weight], partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.1))
    reference = torch.optim.AdamW([plain], lr=1e-3, weight_decay=0.1)
    source = torch.Generator().manual_seed(0)
    for _ in range(20):
        weight.grad = torch.randn(4, generator=source).bfloat16()
        plain.grad = weight.grad.float()
        kept = weight.grad.clone()
        optimizer.step()
        reference.step()
        assert torch.equal(weight.grad, kept)
        assert optimizer.masters[weight].grad is None
    assert torch.equal(optimizer.masters[weight], plain)


@pytest.fixture(scope="module")
def batch(toy):
    rows = toy.encode(toy.retain)[:4]
    return collate(rows, pad_id=toy.tokenizer.pad_token_id)


@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_zeroth_order_on_a_model_goes_closely_as_in_float32(make_llama, batch, restore):
    half = make_llama(0).bfloat16()
    single = copy.deepcopy(half).float()
    optimizer = wrap(half.parameters(), "zo_sgd", lr=1e-4, radius=3e-2, queries=2, restore=restore)
    reference = create("zo_sgd", single.parameters(), lr=1e-4, radius=3e-2, queries=2, restore=restore)
    before = flat(single.parameters())
    for _ in range(2):
        loss = optimizer.step(lambda: mean_nll(half, batch))
        assert loss.item() == pytest.approx(reference.step(lambda: mean_nll(single, batch)).item(), rel=0.02)
    ours, theirs = flat(optimizer.masters.values()) - before, flat(single.parameters()) - before
    assert torch.cosine_similarity(ours, theirs, dim=0) > 0.99
    assert ours.norm().item() == pytest.approx(theirs.norm().item(), rel=0.05)


def test_both_restore_modes_take_the_same_step(make_llama, batch):
    ends = []
    for restore in ("copy", "layerwise"):
        half = make_llama(0).bfloat16()
        optimizer = wrap(half.parameters(), "zo_sgd", lr=1e-4, radius=3e-2, restore=restore)
        optimizer.step(lambda: mean_nll(half, batch))  # noqa: B023 - called here
        ends.append(flat(optimizer.masters.values()))
    assert torch.equal(*ends)


def test_a_look_below_the_spacing_of_half_precision_sees_nothing_and_says_so():
    # the neighbours of 1.0 are 0.0039 and 0.0078 away: a look of 1e-4 rounds back
    seen = {}
    for radius in (1e-4, 1e-1):
        weight = half_weight(torch.ones(4))
        optimizer = wrap([weight], "zo_sgd", radius=radius)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            run(optimizer, weight, 1)
        seen[radius] = optimizer.inner.last_resolution
        assert bool(told) == (radius == 1e-4)
        assert torch.equal(optimizer.masters[weight], torch.ones(4)) == (radius == 1e-4)
    assert seen[1e-4] == 0.0
    assert seen[1e-1] > 1000


# Parts of a closure


def test_all_parts_of_a_closure_see_the_masters():
    weight, seen = half_weight(torch.ones(4)), {}

    class Asks(torch.optim.SGD):
        needs_closure = "loss"

        def step(self, closure):
            (master,) = self.param_groups[0]["params"]
            with torch.no_grad():
                master.fill_(2.0)
            seen["loss"] = closure().item()
            seen["forget"], seen["retain"] = closure.forget().item(), closure.retain().item()
            loss, count = closure.sampled(torch.Generator().manual_seed(0))
            (seen["gradient"],) = torch.autograd.grad(loss, master)
            seen["count"] = count

    optimizer = MasterWeights([weight], Asks)
    optimizer.step(closure_of(weight.float))
    noise = torch.randn(4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(seen.pop("gradient"), noise.bfloat16().float())
    assert seen == {"loss": 58.0, "forget": 44.0, "retain": 14.0, "count": 4}
    assert weight.tolist() == [2.0] * 4


def test_parts_that_are_not_there_stay_away():
    weight, met = half_weight(), []

    class Asks(torch.optim.SGD):
        needs_closure = "loss"

        def step(self, closure):
            met.append(closure and (closure.forget is None, closure.sampled is None))

    optimizer = MasterWeights([weight], Asks)
    optimizer.step(LossClosure(weight.sum, retain=weight.sum))
    optimizer.step()
    assert met == [(True, True), None]


def test_second_derivatives_reach_the_masters():
    weight, seen = half_weight(torch.ones(4)), []

    class Asks(torch.optim.SGD):
        needs_closure = "loss"

        def step(self, closure):
            (master,) = self.param_groups[0]["params"]
            loss = closure()
            (gradient,) = torch.autograd.grad(loss, master, create_graph=True)
            seen.extend(torch.autograd.grad(gradient.sum(), master))

    MasterWeights([weight], Asks).step(closure_of(weight.float))
    assert seen[0].tolist() == (2 * STEEP).tolist()
