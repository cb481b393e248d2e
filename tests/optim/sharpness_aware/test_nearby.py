"""What the sharpness-aware share: the rule inside, the groups, the weights that come back, the cost."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch

import unlearnkit as uk
from unlearnkit.descent import descend
from unlearnkit.errors import BadInput, UnknownName, WrongClosure
from unlearnkit.optim import ASAM, SAM, LossClosure, RandomizedSmoothing
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare

NAMES = list(uk.optim.catalogue().query("grade == 'sharpness-aware'").name)
RULES = list(uk.optim.catalogue().query("needs_closure == False and grade != 'second order'").name)
STILL = {
    "sam": {"rho": 0.0},
    "asam": {"rho": 0.0},
    "randomized_smoothing": {"sigma": 0.0, "n_samples": 1},
}
every = pytest.mark.parametrize("name", NAMES)


def matrix(seed=0):
    return torch.nn.Parameter(torch.randn(6, 5, generator=torch.Generator().manual_seed(seed)))


def in_parts(loss_of):
    return LossClosure(loss_of, forget=lambda: 0.5 * loss_of(), retain=lambda: 0.5 * loss_of())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize("limit", [1.0, None])
def test_looking_at_the_weights_themselves_it_is_the_rule_to_the_bit(name, rule, limit):
    inside, alone = matrix(), matrix()
    batches = [matrix(seed).detach() for seed in range(1, 6)]
    nearby = uk.optim.create(name, [inside], lr=0.01, base=rule, max_grad_norm=limit, **STILL[name])
    plain = uk.optim.create(rule, [alone], lr=0.01)
    for weight, optimizer in ((inside, nearby), (alone, plain)):
        losses = list(
            descend(optimizer, lambda b: (weight - b).pow(4).sum(), batches, max_grad_norm=limit)  # noqa: B023
        )
        assert len(losses) == 5
    assert torch.equal(inside, alone)


@every
def test_weights_come_back_to_the_bit_where_adding_and_subtracting_would_not_bring_them(name):
    start = matrix().detach() * torch.logspace(-6, 0, 5)  # weights smaller than what is added to them, too
    weight, seen = torch.nn.Parameter(start.clone()), []

    def loss_of():
        seen.append(weight.detach().clone())
        return weight.sum()

    uk.optim.create(name, [weight], lr=1e-30, base="sgd").step(in_parts(loss_of))
    eps = next(place for place in seen if not torch.equal(place, start)) - start
    assert torch.equal(weight, start)  # lr is too small to change a bit
    drifted = start.clone().add_(eps).sub_(eps)
    assert (drifted != start).float().mean() > 0.2


@every
def test_the_gradient_that_was_there_is_there_afterwards(name):
    weight, frozen = matrix(), matrix(1)
    frozen.requires_grad_(False)
    weight.grad, frozen.grad = torch.full_like(weight, 7.0), torch.ones_like(frozen)
    grad, before = weight.grad, frozen.detach().clone()
    optimizer = uk.optim.create(name, [weight, frozen], lr=0.1)
    optimizer.step(in_parts(lambda: (weight * frozen).square().sum()))
    assert weight.grad is grad
    assert torch.equal(grad, torch.full_like(weight, 7.0))
    assert torch.equal(frozen, before)


@every
def test_a_gradient_that_was_there_survives_a_closure_that_calls_backward(name):
    weight = matrix()
    weight.grad = torch.full_like(weight, 7.0)

    def calls_backward():
        loss = weight.square().sum()
        loss.backward()
        return loss

    with pytest.raises(WrongClosure, match="calls backward"):
        uk.optim.create(name, [weight]).step(in_parts(calls_backward))
    assert torch.equal(weight.grad, torch.full_like(weight, 7.0))


@every
def test_what_the_loss_does_not_depend_on_stays_even_under_decay(name):
    used, unused = matrix(), matrix(1)
    before = unused.detach().clone()
    decay = {"base": "adamw", "base_options": {"weight_decay": 0.5}}
    optimizer = uk.optim.create(name, [used, unused], lr=0.1, **decay)
    for _ in range(2):
        optimizer.step(in_parts(lambda: used.square().sum()))
    assert torch.equal(unused, before)


@every
def test_a_weight_that_only_the_retain_term_knows_moves(name):
    both, retained = matrix(), matrix(1)
    before = retained.detach().clone()
    closure = LossClosure(
        lambda: both.square().sum() + retained.square().sum(),
        forget=lambda: both.square().sum(),
        retain=lambda: retained.square().sum(),
    )
    uk.optim.create(name, [both, retained], lr=0.1).step(closure)
    assert not torch.equal(retained, before)


def test_two_weights_with_one_gradient_are_each_clipped_once():
    # autograd hands out one tensor for both, and one number for all of its places
    one, other = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    SAM([one, other], lr=1.0, base="sgd", max_grad_norm=1.0).step(lambda: (one + other).sum() + 0)
    assert [*one.tolist(), *other.tolist()] == pytest.approx([0.5] * 4)


def test_the_gradient_that_is_shortened_is_the_last_one():
    # at 1 the slope is 2, at 1.5 it is 3: cut to 2.5; on the way there it was not cut
    weight, seen = torch.nn.Parameter(torch.tensor([1.0])), []
    sam = SAM([weight], lr=0.1, rho=0.5, base="sgd", max_grad_norm=2.5)
    sam.step(lambda: seen.append(weight.item()) or weight.square().sum())
    assert seen == [1.0, 1.5]
    assert weight.item() == pytest.approx(0.75)


@every
def test_a_scheduler_moves_the_rate_of_the_rule(name):
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = uk.optim.create(name, [weight], lr=0.1, base="signsgd")
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    places = [weight.item()]
    for _ in range(3):
        optimizer.step(in_parts(lambda: weight.sum() + 0))
        schedule.step()
        places.append(weight.item())
    assert [a - b for a, b in pairwise(places)] == pytest.approx([0.1, 0.05, 0.025])


@every
def test_a_schedule_goes_on_after_a_saved_state_is_loaded(name):
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    saved = uk.optim.create(name, [weight], lr=0.1, base="signsgd").state_dict()
    optimizer = uk.optim.create(name, [weight], lr=9.0, base="signsgd")
    optimizer.load_state_dict(copy.deepcopy(saved))
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step(in_parts(lambda: weight.sum() + 0))
    assert weight.item() == pytest.approx(0.75)


def test_a_group_has_its_own_options_of_the_rule_and_may_come_later():
    first, second = (torch.nn.Parameter(torch.tensor([1.0])) for _ in range(2))
    sam = SAM([{"params": [first], "momentum": 0.5}], lr=0.1, base="sgd", max_grad_norm=None)
    sam.add_param_group({"params": [second], "lr": 0.2})
    assert [group["momentum"] for group in sam.param_groups] == [0.5, 0]
    assert [group["rho"] for group in sam.param_groups] == [0.05, 0.05]
    for _ in range(2):
        sam.step(lambda: first.sum() + second.sum())
    assert first.item() == pytest.approx(1 - 0.1 - 0.15)
    assert second.item() == pytest.approx(1 - 0.4)
    with pytest.raises(BadInput, match="rho"):
        sam.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "rho": -1.0})


def test_both_looks_of_sam_have_the_same_dropout_and_every_step_another():
    weight, seen = torch.nn.Parameter(torch.ones(1)), []

    def loss_of():
        seen.append(torch.rand(1).item())
        return weight.square().sum()

    torch.manual_seed(3)
    sam = SAM([weight])
    for _ in range(2):
        sam.step(loss_of)
    assert seen[0] == seen[1] != seen[2] == seen[3]
    seen.clear()
    RandomizedSmoothing([weight]).step(loss_of)
    assert len(set(seen)) == 3


@pytest.mark.parametrize(("rule", "said"), [("adazo", "needs losses"), ("sam", "needs losses")])
def test_a_rule_that_needs_losses_is_refused(rule, said):
    with pytest.raises(BadInput, match=f"base: .*{said}.*give one of: sgd, adam"):
        SAM([matrix()], base=rule)


def test_a_rule_with_an_option_of_the_same_name_is_refused():
    # soul_sophia's rho is where it clips; a group has one place for the two
    with pytest.raises(BadInput, match='base: "soul_sophia" has a rho of its own'):
        SAM([matrix()], base="soul_sophia")


@pytest.mark.parametrize("wrong", [{"base": "addam"}, {"base_options": {"lr": 0.1}}, {"base_options": 5}])
def test_a_rule_that_is_not_known_or_has_a_rate_of_its_own_is_refused(wrong):
    with pytest.raises(BadInput, match="adam" if "base" in wrong else "base_options"):
        ASAM([matrix()], **wrong)
    assert issubclass(UnknownName, BadInput)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_forget")])
def test_on_the_forget_term_a_closure_that_tells_no_parts_is_refused(name):
    weight = matrix()
    before = weight.detach().clone()
    with pytest.raises(WrongClosure, match="also tells its forget part"):
        uk.optim.create(name, [weight]).step(lambda: weight.square().sum())
    assert torch.equal(weight, before)


@every
def test_a_run_counts_what_the_catalogue_says(name, toy):
    config = configure(toy, "graddiff", name, lr=1e-3, steps=2, batch_size=4)
    problem = prepare(toy, config)
    assert len(list(problem.descent())) == 2
    assert problem.forward_equivalents == 2 * uk.optim.find(name).forward_equivalents
    assert problem.optimizer.forward_equivalents == uk.optim.find(name).forward_equivalents
    assert problem.optimizer.max_grad_norm == 1.0
