"""Masters are an optimizer like any other: state, groups, schedulers, closures, and what is left alone."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch

from unlearnkit.errors import BadInput, WrongClosure
from unlearnkit.losses import mean_nll
from unlearnkit.optim import LossClosure, MasterWeights, create
from unlearnkit.testbeds.batches import collate

from .half_weights import START, closure_of, half_weight, run, take_step, wrap

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # zeroth order says what rounding costs


@pytest.fixture(scope="module")
def batch(toy):
    rows = toy.encode(toy.retain)[:4]
    return collate(rows, pad_id=toy.tokenizer.pad_token_id)


@pytest.mark.parametrize("name", ["adam", "signum", "adazo", "hybrid"])
def test_a_saved_state_continues_to_the_bit(name):
    straight, broken = half_weight(), half_weight()
    one, other = wrap([straight], name), wrap([broken], name)
    run(one, straight, 5)
    run(other, broken, 5)
    fresh = wrap([broken], name, lr=123.0)
    fresh.load_state_dict(copy.deepcopy(other.state_dict()))
    assert torch.equal(fresh.masters[broken], one.masters[straight])
    assert fresh.moved_fraction == one.moved_fraction
    run(one, straight, 6)
    run(fresh, broken, 6)
    assert torch.equal(one.masters[straight], fresh.masters[broken])
    assert torch.equal(straight, broken)


def test_a_state_of_another_model_is_refused_and_changes_nothing():
    weight, other = half_weight(), half_weight(torch.ones(3))
    optimizer = wrap([weight], "adam")
    run(optimizer, weight, 1)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(BadInput, match="1 masters of other shapes or number than the 1 half-precision"):
        optimizer.load_state_dict(wrap([other], "adam").state_dict())
    assert torch.equal(optimizer.state_dict()["masters"][0], before["masters"][0])
    assert optimizer.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize("name", ["adam", "adazo", "hybrid"])
def test_a_deep_copy_goes_on_like_its_original_and_apart_from_it(name):
    weight = half_weight()
    optimizer = wrap([weight], name)
    run(optimizer, weight, 3)
    copied, twin = copy.deepcopy((weight, optimizer))
    run(twin, copied, 4)
    assert not torch.equal(twin.masters[copied], optimizer.masters[weight])
    run(optimizer, weight, 4)
    assert torch.equal(twin.masters[copied], optimizer.masters[weight])


@pytest.mark.parametrize("name", ["sgd", "zo_sgd"])
def test_schedulers_and_groups_act_on_the_inner_optimizer(name):
    slow, fast = half_weight(), half_weight()
    optimizer = wrap([{"params": [slow], "lr": 0.001}, {"params": [fast]}], name)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 / (1 + step))
    closure = closure_of(lambda: (slow.float() + fast.float()) / 2)
    take_step(optimizer, closure)
    moved = [(optimizer.masters[w] - START.bfloat16().float()).norm().item() for w in (slow, fast)]
    if name == "sgd":
        assert moved[1] == pytest.approx(10 * moved[0], rel=1e-3)
    scheduler.step()
    take_step(optimizer, closure)
    assert [group["lr"] for group in optimizer.inner.param_groups] == [0.0005, 0.005]


def test_a_group_can_be_added_later():
    first, second = half_weight(), half_weight()
    optimizer = wrap([first], "sgd")
    optimizer.add_param_group({"params": [second], "lr": 0.5})
    for weight in (first, second):
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert optimizer.masters[second].tolist() == pytest.approx((START.bfloat16().float() - 0.5).tolist())
    assert optimizer.param_groups[1]["momentum"] == 0


@pytest.mark.parametrize("name", ["adam", "adazo"])
def test_float32_weights_move_themselves_and_frozen_ones_stay(name):
    half, single = half_weight(), torch.nn.Parameter(START.clone())
    frozen = half_weight().requires_grad_(False)
    optimizer = wrap([half, single, frozen], name)
    closure = closure_of(lambda: half.float() + single + frozen.float())
    for _ in range(2):
        take_step(optimizer, closure)
    assert set(optimizer.masters) == {half, frozen}
    assert optimizer.inner.param_groups[0]["params"][1] is single
    assert not torch.equal(single, START)
    assert torch.equal(frozen, half_weight())
    assert frozen.grad is None
    assert (single.grad is not None) == (name == "adam")  # what the user put there stays


def test_tied_weights_have_one_master(make_llama, batch):
    half = make_llama(0).bfloat16()
    optimizer = wrap([*half.parameters(), half.lm_head.weight], "adazo", radius=3e-2)
    optimizer.step(lambda: mean_nll(half, batch))
    assert len(optimizer.masters) == len(list(half.parameters()))
    assert half.lm_head.weight is half.model.embed_tokens.weight


def test_what_somebody_else_wrote_is_taken_as_it_is():
    weight = half_weight(torch.ones(2))
    optimizer = wrap([weight], "sgd", lr=1e-4)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    with torch.no_grad():
        weight[0] = 5.0
    optimizer.step()
    assert optimizer.masters[weight].tolist() == pytest.approx([5 - 1e-4, 1 - 2e-4], abs=1e-6)
    assert weight.tolist() == [5.0, 1.0]


@pytest.mark.parametrize("taken", [2, 3])
@pytest.mark.parametrize(("name", "call"), [("adazo", 1), ("adazo", 2), ("zo_sgd", 2), ("hybrid", 1)])
def test_a_step_broken_off_changes_no_bit_and_can_be_taken_again(name, call, taken):
    undisturbed, weight = half_weight(), half_weight()
    reference, optimizer = wrap([undisturbed], name), wrap([weight], name)
    run(reference, undisturbed, taken)
    run(optimizer, weight, taken)
    before, calls = (weight.detach().clone(), optimizer.masters[weight].detach().clone()), []

    def closure():
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return closure_of(weight.float)()

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert torch.equal(weight, before[0])
    assert torch.equal(optimizer.masters[weight], before[1])
    assert weight.grad is None
    assert optimizer.masters[weight].grad is None
    run(reference, undisturbed, 3)
    run(optimizer, weight, 3)
    assert torch.equal(optimizer.masters[weight], reference.masters[undisturbed])


def test_the_wrong_kind_of_closure_is_refused():
    weight = half_weight()
    with pytest.raises(WrongClosure, match="needs a closure that returns the loss"):
        wrap([weight], "adazo").step()
    with pytest.raises(WrongClosure, match="called no backward"):
        wrap([weight], "sgd").step(weight.sum)
    with pytest.raises(WrongClosure, match="asked for none of the weights"):
        wrap([weight], "zo_sgd").step(lambda: torch.tensor(1.0))
    with pytest.raises(WrongClosure, match="calls backward"):
        wrap([weight], "adazo").step(lambda: _backward(weight))
    assert torch.equal(weight, half_weight())
    assert weight.grad is None


def _backward(weight):
    with torch.enable_grad():
        loss = weight.float().square().sum()
        loss.backward()
    return loss


def test_a_first_order_closure_is_run_once_and_its_loss_returned():
    weight, calls = half_weight(), []
    optimizer = wrap([weight], "sgd")

    def closure():
        optimizer.zero_grad()
        loss = weight.float().square().sum()
        loss.backward()
        calls.append(loss.item())
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == calls[0]
    assert len(calls) == 1
    assert not torch.equal(weight, half_weight())


@pytest.mark.parametrize(
    ("params", "make", "said"),
    [
        ([torch.nn.Parameter(torch.ones(2).bfloat16())], lambda groups: None, "^make: .*returned a NoneType"),
        (
            [torch.nn.Parameter(torch.ones(2).bfloat16())],
            partial(create, "sgd", lr=-1.0),
            "refuses these options",
        ),
        ([torch.nn.Parameter(torch.ones(2).to_sparse())], partial(create, "sgd"), "is sparse"),
    ],
)
def test_what_makes_no_sense_is_refused(params, make, said):
    with pytest.raises(BadInput, match=said):
        MasterWeights(params, make)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["adam", "signadam", "adazo", "hybrid"])
def test_on_a_gpu_masters_lie_beside_their_weights(name, make_llama, batch):
    half = make_llama(0).bfloat16().to("cuda")
    there = {key: value.to("cuda") for key, value in batch.items()}
    optimizer = wrap(half.parameters(), name, lr=1e-3)
    before = float(mean_nll(half, there))
    for _ in range(20):
        take_step(optimizer, LossClosure(lambda: mean_nll(half, there)))
    assert {master.device.type for master in optimizer.masters.values()} == {"cuda"}
    assert float(mean_nll(half, there)) < before
    for weight, master in optimizer.masters.items():
        assert torch.equal(weight, master.bfloat16())
