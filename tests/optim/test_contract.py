"""What every optimizer of the catalogue must do, whatever its grade.

An optimizer of the catalogue needs an entry in LEARNING_RATES: a rate at which it descends the quadratic.
Closures, interrupts and random numbers have a file of their own, test_closures.py.
"""

from __future__ import annotations

import copy

import pandas as pd
import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName

from .whole import whole_closure

LEARNING_RATES = {
    "sgd": 0.1, "adam": 0.05, "adamw": 0.05, "signsgd": 0.02, "signum": 0.02, "signadam": 0.02, "adazo": 0.02,
    "hybrid": 0.02, "noise_matched": 0.02, "random_walk": 0.02, "hybrid_noise": 0.02, "hybrid_random": 0.02,
    "hybrid_rest": 0.05, "hybrid_first": 0.02,
    "sam": 0.05, "asam": 0.05, "randomized_smoothing": 0.05,
    "sam_forget": 0.05, "asam_forget": 0.05, "randomized_smoothing_forget": 0.05,
    "sophia": 0.02, "sophia_g": 0.02, "adahessian": 0.1, "soul_sophia": 0.02,
    "adam_direction_8bit": 0.05, "adam_direction_4bit": 0.05, "sgd_direction_8bit": 0.1, "onebit_adam": 0.05,
    "adam_state_8bit": 0.05, "muon": 0.05,
    "zo_sgd": 0.02, "zo_signsgd": 0.02, "zo_adamm": 0.02,
}  # fmt: skip
OPTIONS = {"soul_sophia": {"bs": 1}}  # its 5120 is for the small gradients of language models
NO_DESCENT = {
    "random_walk",
    "hybrid_random",
}  # controls: one knows nothing of the loss, one but half of the time
DECOUPLED = {"adamw", "signsgd", "signum", "signadam", "soul_sophia"}  # weight decay apart from the gradient
DECOUPLED |= {"adam_direction_8bit", "adam_direction_4bit", "onebit_adam", "adam_state_8bit", "muon"}
COLUMNS = ["name", "grade", "bits", "needs_closure", "forward_equivalents", "state_bytes", "source"]

every = pytest.mark.parametrize("name", uk.optim.catalogue().name)
descending = pytest.mark.parametrize("name", [n for n in uk.optim.catalogue().name if n not in NO_DESCENT])
first_order = pytest.mark.parametrize("name", uk.optim.catalogue().query("needs_closure == False").name)
uses_gradients = pytest.mark.parametrize(
    "name", [n for n in uk.optim.catalogue().query("needs_closure == False").name if n != "random_walk"]
)


def make(name, weights, **options):
    return uk.optim.create(name, weights, **{"lr": LEARNING_RATES[name], **OPTIONS.get(name, {}), **options})


def shorter_blocks(name):
    """Options with which a hybrid changes its block every three steps."""
    return {"block": 3} if name.startswith("hybrid") else {}


def quadratic(weight):
    """A valley ten times steeper in one direction than in the other; its lowest value is 0."""
    return (weight.square() * torch.tensor([1.0, 10.0])).sum() / 2


def take_step(optimizer, loss_of):
    """One step of either kind, as the loop takes it."""
    if optimizer.needs_closure == "loss":
        return optimizer.step(whole_closure(loss_of))
    optimizer.zero_grad()
    loss_of().backward()
    return optimizer.step()


def test_every_optimizer_has_a_learning_rate_here():
    assert set(LEARNING_RATES) == set(uk.optim.catalogue().name)


def test_the_catalogue_is_a_table_with_these_columns():
    table = uk.optim.catalogue()
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == COLUMNS
    assert table.name.is_unique
    assert set(table.bits) <= {1, 4, 8, 32}
    assert all(value in {"loss", False} for value in table.needs_closure)


@descending
def test_it_descends_a_quadratic_with_a_rate_alone(name):
    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    optimizer = make(name, [weight])
    before = quadratic(weight).item()
    for _ in range(100):
        take_step(optimizer, lambda: quadratic(weight))
    assert quadratic(weight).item() < 0.05 * before, name


@descending
def test_it_works_without_any_option(name):
    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    before = quadratic(weight).item()
    take_step(uk.optim.create(name, [weight]), lambda: quadratic(weight))
    assert quadratic(weight).item() < before


@every
def test_it_says_whether_it_needs_a_closure(name):
    optimizer = make(name, [torch.nn.Parameter(torch.zeros(2))])
    (expected,) = uk.optim.catalogue().query("name == @name").needs_closure
    assert optimizer.needs_closure is expected or optimizer.needs_closure == expected == "loss"


@every
def test_what_is_frozen_stays_to_the_bit(name):
    used, frozen = (torch.nn.Parameter(torch.tensor([1.0, -1.0])) for _ in range(2))
    frozen.requires_grad_(False)
    optimizer = make(name, [used, frozen], **shorter_blocks(name))
    for _ in range(7):
        take_step(optimizer, lambda: quadratic(used) + quadratic(frozen))
    assert used.tolist() != [1.0, -1.0]
    assert frozen.tolist() == [1.0, -1.0]


@uses_gradients
def test_what_has_no_gradient_stays_to_the_bit(name):
    used, unused = (torch.nn.Parameter(torch.tensor([1.0, -1.0])) for _ in range(2))
    optimizer = make(name, [used, unused])
    for _ in range(3):
        take_step(optimizer, lambda: quadratic(used))
    assert used.tolist() != [1.0, -1.0]
    assert unused.tolist() == [1.0, -1.0]


@first_order
def test_a_closure_that_calls_backward_is_run_once_and_its_loss_returned(name):
    by_hand, by_closure = (torch.nn.Parameter(torch.tensor([1.0, -1.0])) for _ in range(2))
    optimizer, calls = make(name, [by_closure]), []

    def closure():
        optimizer.zero_grad()
        loss = quadratic(by_closure)
        loss.backward()
        calls.append(loss.item())
        return loss

    with torch.no_grad():  # as in torch, the closure turns gradients on for itself
        assert optimizer.step(closure).item() == pytest.approx(5.5)
    assert calls == [5.5]
    assert take_step(make(name, [by_hand]), lambda: quadratic(by_hand)) is None
    assert torch.equal(by_hand, by_closure)


@every
@pytest.mark.parametrize("before", [4, 5])
def test_a_saved_state_continues_to_the_bit(name, before):
    straight, broken = (torch.nn.Parameter(torch.tensor([1.0, -1.0])) for _ in range(2))
    one, other = (make(name, [weight], **shorter_blocks(name)) for weight in (straight, broken))
    for _ in range(before):
        take_step(one, lambda: quadratic(straight))
        take_step(other, lambda: quadratic(broken))
    fresh = make(name, [broken], lr=123.0, **shorter_blocks(name))  # the saved rate replaces it
    fresh.load_state_dict(copy.deepcopy(other.state_dict()))
    for _ in range(8):
        take_step(one, lambda: quadratic(straight))
        take_step(fresh, lambda: quadratic(broken))
    assert torch.equal(straight, broken)


@every
def test_a_deep_copy_goes_on_like_its_original_and_apart_from_it(name):
    weight = torch.nn.Parameter(torch.tensor([1.0, -1.0]))
    optimizer = make(name, [weight], **shorter_blocks(name))
    for _ in range(4):
        take_step(optimizer, lambda: quadratic(weight))
    copied, twin = copy.deepcopy((weight, optimizer))
    for _ in range(8):
        take_step(twin, lambda: quadratic(copied))
    assert not torch.equal(weight, copied)
    for _ in range(8):
        take_step(optimizer, lambda: quadratic(weight))
    assert torch.equal(weight, copied)


@every
def test_groups_have_their_own_rate(name):
    slow, fast = (torch.nn.Parameter(torch.tensor([1.0, -1.0])) for _ in range(2))
    rate = LEARNING_RATES[name]
    rates = ("lr", "zo_lr") if name.startswith("hybrid") else ("lr",)
    slower = {"params": [slow], **dict.fromkeys(rates, rate / 10)}
    optimizer = make(name, [slower, {"params": [fast]}])
    take_step(optimizer, lambda: quadratic(slow) + quadratic(fast))
    moved = [(weight.detach() - torch.tensor([1.0, -1.0])).norm().item() for weight in (slow, fast)]
    if name in ("random_walk", "zo_sgd"):  # steps of many lengths: only their scale can be told
        assert 3 < moved[1] / moved[0] < 30
        return
    assert moved[1] == pytest.approx(10 * moved[0], rel=1e-3)


@pytest.mark.parametrize("name", sorted(DECOUPLED))
def test_weight_decay_is_apart_from_the_gradient(name):
    # with a zero gradient only the decay acts: theta (1 - lr decay)
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    weight.grad = torch.zeros(2)
    make(name, [weight], lr=0.1, weight_decay=0.5).step()
    assert weight.tolist() == pytest.approx([0.95, -1.9])


@pytest.mark.parametrize("name", sorted(DECOUPLED))
def test_weight_decay_does_not_change_the_direction(name):
    # a decay that went through the gradient would turn the step of the first weight around
    weight = torch.nn.Parameter(torch.tensor([10.0, 10.0]))
    weight.grad = torch.tensor([-0.1, 0.1])
    make(name, [weight], lr=0.1, weight_decay=0.5).step()
    assert weight.tolist() == pytest.approx([10 * 0.95 + 0.1, 10 * 0.95 - 0.1], rel=1e-5)


@every
def test_the_state_is_as_large_as_the_catalogue_says(name):
    weight = torch.nn.Parameter(torch.ones(64, 128))  # a matrix for Muon, enough for 8-bit state
    optimizer = make(name, [weight], **shorter_blocks(name))
    for _ in range(6):
        take_step(optimizer, lambda: weight.square().sum())
    parts = [optimizer, *(getattr(optimizer, part, None) for part in ("first", "second"))]
    states = [state for part in parts if part is not None for state in part.state.values()]
    held = [value for state in states for value in state.values() if torch.is_tensor(value)]
    total = sum(tensor.numel() * tensor.element_size() for tensor in held if tensor.dim())
    (stated,) = uk.optim.catalogue().query("name == @name").state_bytes
    assert total / weight.numel() == stated


@pytest.mark.parametrize(("given", "nearest"), [("addam", "adam"), ("SGD", "sgd"), ("sign_adam", "signadam")])
def test_an_unknown_name_lists_the_nearest(given, nearest):
    with pytest.raises(UnknownName, match=rf'"{given}" is not known; did you mean "{nearest}"\? Known: sgd'):
        uk.optim.create(given, [torch.nn.Parameter(torch.zeros(1))], lr=0.1)


@every
@pytest.mark.parametrize(
    "options", [{"lr": -1.0}, {"lr": "fast"}, {"no_such_option": 1}, {"weight_decay": -0.1}]
)
def test_options_that_make_no_sense_are_refused(name, options):
    with pytest.raises(BadInput, match=name):
        make(name, [torch.nn.Parameter(torch.zeros(1))], **options)


@every
def test_no_weights_at_all_are_refused(name):
    with pytest.raises(BadInput, match="empty"):
        make(name, [])
