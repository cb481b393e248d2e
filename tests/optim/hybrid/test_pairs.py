"""Any two optimizers as a hybrid: its blocks are theirs alone, to the bit."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch

import unlearnkit as uk
from unlearnkit.optim import Hybrid

from ..one_step import NAMES, matrix
from ..whole import whole_closure

LR, SECOND_LR, LIMIT, SEED = 0.01, 0.003, 0.7, 5
PARTS = [name for name in NAMES if not name.startswith("hybrid")]
CHOSEN = [
    ("adam", "signum"), ("sgd", "adazo"), ("adazo", "adam"), ("adam", "noise_matched"),
    ("adazo", "random_walk"), ("sam", "zo_sgd"), ("sam_forget", "zo_signsgd"), ("sophia", "adazo"),
    ("muon", "sophia_g"), ("onebit_adam", "zo_adamm"), ("adahessian", "signsgd"),
]  # fmt: skip
# Each optimizer first and second, and some that meet in papers; those that the catalogue has.
CHOSEN = [pair for pair in CHOSEN if set(pair) <= set(PARTS)]
PAIRS = [
    *CHOSEN,
    *((name, "adamw") for name in PARTS),
    *(("adamw", name) for name in PARTS),
]
chosen = pytest.mark.parametrize(("first", "second"), CHOSEN)
pairs = pytest.mark.parametrize(("first", "second"), dict.fromkeys(PAIRS))


def batches(count):
    """Targets far away: gradients are longer than the limit."""
    draw = torch.Generator().manual_seed(1)
    return [5 * torch.randn(3, 4, generator=draw) for _ in range(count)]


def closure_of(weight, batch):
    return whole_closure(lambda: (weight - batch).square().sum())


def alone(name, weight, lr, seed=SEED):
    """An optimizer as the unlearning loop makes it."""
    runs_own = {"seed": seed, "max_grad_norm": LIMIT}
    options = {option: value for option, value in runs_own.items() if uk.optim.find(name).takes(option)}
    return uk.optim.create(name, [weight], lr=lr, **options)


def take_step(optimizer, weight, batch):
    """A step as the unlearning loop takes it; the loss before it."""
    closure = closure_of(weight, batch)
    if optimizer.needs_closure == "loss":
        return optimizer.step(closure).item()
    optimizer.zero_grad()
    loss = closure()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([weight], LIMIT)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def hybrid_of(first, second, weight, **options):
    return Hybrid(
        [weight], lr=LR, first=first, second=second, second_lr=SECOND_LR, seed=SEED, max_grad_norm=LIMIT,
        **{"block": 2, "second_block": 3, **options},
    )  # fmt: skip


@pairs
def test_blocks_are_the_parts_alone_to_the_bit(first, second):
    ours, theirs = matrix(), matrix()
    hybrid = hybrid_of(first, second, ours)
    parts = {"F": alone(first, theirs, LR), "S": alone(second, theirs, SECOND_LR)}
    for letter, batch in zip("FFSSSFFSSS", batches(10), strict=True):
        loss = hybrid.step(closure_of(ours, batch)).item()
        assert loss == take_step(parts[letter], theirs, batch)
        assert torch.equal(ours, theirs)
    spent = [getattr(part, "extra_forward_equivalents", 0.0) for part in parts.values()]
    assert hybrid.extra_forward_equivalents == sum(spent)
    assert not torch.equal(ours, matrix())


@chosen
def test_reset_parts_begin_anew_in_each_block(first, second):
    drawing = [name for name in (first, second) if uk.optim.find(name).takes("seed")]
    ours, theirs = matrix(), matrix()
    hybrid = hybrid_of(first, second, ours, state="reset")
    made = {"F": lambda: alone(first, theirs, LR), "S": lambda: alone(second, theirs, SECOND_LR)}
    schedule = "FFSSS" if drawing else "FFSSSFFSSSFF"  # later blocks draw from seeds of their own
    places = iter(batches(len(schedule)))
    for letter, block in itertools.groupby(schedule):
        part = made[letter]()
        for _ in block:
            batch = next(places)
            hybrid.step(closure_of(ours, batch))
            take_step(part, theirs, batch)
            assert torch.equal(ours, theirs)


@chosen
@pytest.mark.parametrize("state", ["carried", "reset"])
@pytest.mark.parametrize("before", [4, 5, 10])
def test_a_saved_state_continues_to_the_bit_also_within_a_block(first, second, state, before):
    # with an end at 12 the schedule is FFFFSSSFFSSS: 4 begins a block, 10 is within the second S
    straight, broken = matrix(), matrix()
    one, other = (hybrid_of(first, second, weight, state=state) for weight in (straight, broken))
    for hybrid in (one, other):
        hybrid.end_at(12)
    places = batches(12)
    for batch in places[:before]:
        one.step(closure_of(straight, batch))
        other.step(closure_of(broken, batch))
    fresh = hybrid_of(first, second, broken, state=state)
    fresh.load_state_dict(copy.deepcopy(other.state_dict()))
    for batch in places[before:]:
        one.step(closure_of(straight, batch))
        fresh.step(closure_of(broken, batch))
        assert torch.equal(straight, broken)


@pairs
def test_its_price_is_the_mean_of_the_catalogues(first, second):
    prices = [uk.optim.find(name).forward_equivalents for name in (first, second)]
    hybrid = Hybrid([matrix()], first=first, second=second, block=1, second_block=3)
    assert hybrid.forward_equivalents == pytest.approx((prices[0] + 3 * prices[1]) / 4)
