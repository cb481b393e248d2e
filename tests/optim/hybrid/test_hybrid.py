"""The hybrid's schedule as strings, and its blocks against the optimizers that they are made of.

F stands for a step of the first kind of block, Z for one of the second.
"""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.optim import AdaZO, Hybrid, NoiseMatched, RandomWalk

HYBRIDS = ["hybrid", "hybrid_noise", "hybrid_random", "hybrid_rest", "hybrid_first"]
LR, ZO_LR = 0.01, 0.003


def problem():
    """A weight matrix and eight batches; the gradients are far longer than 1, so clipping shows."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(3, 4, generator=draw))
    return weight, [5 * torch.randn(3, 4, generator=draw) for _ in range(8)]


def distance(weight, batch):
    return lambda: (weight - batch).square().sum()


def planned(steps, **options):
    """The schedule as the optimizer plans it."""
    hybrid = Hybrid([torch.nn.Parameter(torch.zeros(1))], **options)
    return hybrid, lambda: "".join("F" if hybrid.in_first(step) else "Z" for step in range(steps))


def observed(optimizer, weight, steps):
    """The schedule as a closure sees it: gradients are on in first-order steps only."""
    seen = []
    for _ in range(steps):
        kinds = []
        optimizer.step(lambda: kinds.append(torch.is_grad_enabled()) or weight.square().sum())  # noqa: B023
        seen.append(kinds)
    return seen


# The schedule


@pytest.mark.parametrize(
    ("options", "schedule"),
    [
        ({"block": 2}, "FFZZFFZZ"),
        ({"block": 1}, "FZFZFZFZ"),
        ({"block": 2, "second_block": 1}, "FFZFFZFFZ"),
        ({"block": 1, "second_block": 3}, "FZZZFZZZ"),
        ({"block": 2, "ends_on": "first"}, "ZZFFZZFF"),
        ({"block": 1, "second_block": 3, "ends_on": "first"}, "ZZZFZZZF"),
        ({}, "F" * 20 + "Z" * 20 + "F" * 20),
    ],
    ids=str,
)
def test_the_schedule_by_itself(options, schedule):
    _, plan = planned(len(schedule), **options)
    assert plan() == schedule


@pytest.mark.parametrize(
    ("options", "schedule"),
    [
        ({"block": 2}, "FFZZ"),
        ({"block": 2}, "FFFZZ"),
        ({"block": 2}, "FFFFZZFFZZ"),
        ({"block": 2}, "FFFFFZZFFZZ"),
        ({"block": 2, "ends_on": "first"}, "ZZZZFFZZFF"),
        ({"block": 1, "second_block": 3}, "FFFZZZFZZZ"),
        ({"block": 1, "second_block": 3, "ends_on": "first"}, "ZZZZZF"),
        # shorter than a cycle: both kinds, in proportion, as long as there is room for both
        ({"block": 2}, "FZZ"),
        ({"block": 2}, "FZ"),
        ({"block": 2}, "Z"),
        ({"block": 2, "ends_on": "first"}, "ZFF"),
        ({"block": 2, "ends_on": "first"}, "F"),
        ({"block": 10}, "FFFZZZ"),
        ({"block": 1, "second_block": 5}, "FZZZ"),
    ],
    ids=str,
)
def test_the_schedule_counted_back_from_its_end(options, schedule):
    hybrid, plan = planned(len(schedule), **options)
    hybrid.end_at(len(schedule))
    assert plan() == schedule


@pytest.mark.parametrize("ends_on", ["second", "first"])
@pytest.mark.parametrize("steps", range(1, 30))
def test_every_run_ends_on_the_block_that_it_says_and_a_whole_one_if_it_can(steps, ends_on):
    hybrid, plan = planned(steps, block=3, second_block=4, ends_on=ends_on)
    hybrid.end_at(steps)
    letter, whole = ("Z", 4) if ends_on == "second" else ("F", 3)
    last = len(plan()) - len(plan().rstrip(letter))
    assert last == whole if steps >= 7 else last >= 1


@pytest.mark.parametrize(("name", "schedule"), [("hybrid", "FFZZFFZZ"), ("hybrid_first", "ZZFFZZFF")])
def test_the_steps_taken_are_those_planned(name, schedule):
    weight, _ = problem()
    optimizer = uk.optim.create(name, [weight], block=2, queries=3)
    seen = observed(optimizer, weight, 8)
    assert seen == [{"F": [True], "Z": [False] * 6}[letter] for letter in schedule]


def test_a_cycle_is_one_block_of_each_kind():
    weight, _ = problem()
    assert Hybrid([weight], block=5).cycle == 10
    assert Hybrid([weight], block=5, second_block=2).cycle == 7
    assert Hybrid([weight], block=5, second_block=2, ends_on="first").cycle == 7


# What the blocks do


def test_first_blocks_are_torchs_adam_with_clipping_to_the_bit():
    ours, batches = problem()
    theirs = torch.nn.Parameter(ours.detach().clone())
    hybrid, adam = Hybrid([ours], lr=LR, block=8), torch.optim.Adam([theirs], lr=LR)
    for batch in batches:
        loss = hybrid.step(distance(ours, batch))
        assert loss.item() == _adam_step(adam, theirs, batch)
        assert torch.equal(ours, theirs)


def test_without_clipping_it_is_adam_without():
    ours, batches = problem()
    theirs = torch.nn.Parameter(ours.detach().clone())
    hybrid = Hybrid([ours], lr=LR, block=8, max_grad_norm=None)
    adam = torch.optim.Adam([theirs], lr=LR)
    for batch in batches:
        hybrid.step(distance(ours, batch))
        _adam_step(adam, theirs, batch, max_grad_norm=None)
    assert torch.equal(ours, theirs)


def test_rest_is_adam_on_the_batches_of_the_first_blocks():
    ours, batches = problem()
    theirs = torch.nn.Parameter(ours.detach().clone())
    rest, adam = uk.optim.create("hybrid_rest", [ours], lr=LR, block=2), torch.optim.Adam([theirs], lr=LR)
    for place, batch in enumerate(batches):
        rest.step(distance(ours, batch))
        if place in (0, 1, 4, 5):
            _adam_step(adam, theirs, batch)
        assert torch.equal(ours, theirs)


SECONDS = {
    "hybrid": lambda weight: AdaZO([weight], lr=ZO_LR, queries=3, radius=0.01, seed=5),
    "hybrid_first": lambda weight: AdaZO([weight], lr=ZO_LR, queries=3, radius=0.01, seed=5),
    "hybrid_noise": lambda weight: NoiseMatched([weight], lr=ZO_LR, queries=3, seed=5),
    "hybrid_random": lambda weight: RandomWalk([weight], lr=ZO_LR, seed=5),
}


@pytest.mark.parametrize("name", SECONDS)
def test_it_is_two_optimizers_in_turn_that_keep_their_memory(name):
    ours, batches = problem()
    theirs = torch.nn.Parameter(ours.detach().clone())
    hybrid = uk.optim.create(name, [ours], lr=LR, zo_lr=ZO_LR, block=2, queries=3, radius=0.01, seed=5)
    adam, second = torch.optim.Adam([theirs], lr=LR), SECONDS[name](theirs)
    schedule = "ZZFFZZFF" if name == "hybrid_first" else "FFZZFFZZ"
    for letter, batch in zip(schedule, batches, strict=True):
        hybrid.step(distance(ours, batch))
        if letter == "F":
            _adam_step(adam, theirs, batch)
        elif isinstance(second, AdaZO):
            second.step(distance(theirs, batch))
        else:
            _adam_step(second, theirs, batch)
        assert torch.equal(ours, theirs)


def test_the_second_rate_is_the_first_one_unless_given():
    weight, _ = problem()
    assert Hybrid([weight], lr=0.5).second.param_groups[0]["lr"] == 0.5
    given = Hybrid([weight], lr=0.5, zo_lr=0.1)
    assert (given.first.param_groups[0]["lr"], given.second.param_groups[0]["lr"]) == (0.5, 0.1)


def test_rates_changed_on_the_way_hold_for_both_parts():
    weight, batches = problem()
    hybrid = Hybrid([weight], lr=0.5, zo_lr=0.1, block=1)
    for group in hybrid.param_groups:
        group["lr"], group["second_lr"] = 1e-9, 1e-9
    before = weight.detach().clone()
    for batch in batches[:2]:
        hybrid.step(distance(weight, batch))
    assert 0 < (weight - before).abs().max() < 1e-6


def test_a_saved_place_in_the_schedule_is_kept():
    weight, batches = problem()
    hybrid = Hybrid([weight], block=2)
    hybrid.end_at(7)  # FFFFFZZ
    for batch in batches[:5]:
        hybrid.step(distance(weight, batch))
    fresh = Hybrid([weight], block=2)
    fresh.load_state_dict(copy.deepcopy(hybrid.state_dict()))
    assert len(observed(fresh, weight, 1)[0]) == 8  # zeroth order: four queries


# What it costs


@pytest.mark.parametrize("name", HYBRIDS)
@pytest.mark.parametrize("options", [{"block": 2}, {"block": 1, "second_block": 3, "queries": 2}], ids=str)
def test_its_price_is_what_a_cycle_costs_on_average(name, options):
    weight, _ = problem()
    optimizer = uk.optim.create(name, [weight], **options)
    seen = observed(optimizer, weight, optimizer.cycle)
    price = sum(3 if on else 1 for kinds in seen for on in kinds)  # a backward pass counts 2
    assert optimizer.forward_equivalents == price / optimizer.cycle


def test_prices_by_hand():
    weight, _ = problem()
    assert Hybrid([weight], block=10, queries=4).forward_equivalents == 5.5  # (3 + 8) / 2
    assert Hybrid([weight], block=1, second_block=3, queries=2).forward_equivalents == 3.75  # (3 + 12) / 4
    assert Hybrid([weight], second="nothing").forward_equivalents == 2  # (3 + 1) / 2
    for name in HYBRIDS:
        (stated,) = uk.optim.catalogue().query("name == @name").forward_equivalents
        assert uk.optim.create(name, [weight]).forward_equivalents == stated


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"block": 0}, BadInput, "block must be"),
        ({"second_block": 0}, BadInput, "second_block must be"),
        ({"second": "noise"}, UnknownName, "noise"),
        ({"ends_on": "adam"}, UnknownName, "adam"),
        ({"queries": 0}, BadInput, "queries must be"),
        ({"max_grad_norm": 0.0}, BadInput, "max_grad_norm must be"),
        ({"zo_lr": -1.0}, BadInput, "lr must be"),
    ],
)
def test_options_are_checked(options, error, message):
    weight, _ = problem()
    with pytest.raises(error, match=message):
        Hybrid([weight], **options)


def _adam_step(optimizer, weight, batch, max_grad_norm=1.0):
    """A first-order step as anybody would write it; the loss before it."""
    optimizer.zero_grad()
    loss = distance(weight, batch)()
    loss.backward()
    if max_grad_norm is not None:
        torch.nn.utils.clip_grad_norm_([weight], max_grad_norm)
    optimizer.step()
    return loss.item()
