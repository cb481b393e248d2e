"""What a hybrid carries from block to block, what it begins anew, and what it leaves alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.optim import lr_scheduler

from unlearnkit.errors import BadInput, UnknownName, WrongClosure
from unlearnkit.optim import AdaZO, Hybrid, Signum

LR = 0.01
STEEP = torch.tensor([1.0, 2.0, 3.0, 4.0])


def weights():
    return torch.nn.Parameter(torch.tensor([3.0, -4.0, 2.0, 5.0]))


def steps(hybrid, weight, count):
    """How far each step moves each weight."""
    moves = []

    def loss_of():
        return (weight.square() * STEEP).sum()

    for _ in range(count):
        before = weight.detach().clone()
        hybrid.step(loss_of)
        moves.append((weight.detach() - before).abs())
    return moves


# Carried or reset


def test_reset_brings_the_kick_of_r_adazo_back_in_every_block():
    # m = 0.1 g and v = 0.01 m^2 after the first step, so that it is lr m / sqrt(v) = 10 lr a weight
    weight = weights()
    moves = steps(Hybrid([weight], lr=LR, block=3, state="reset"), weight, 18)
    for start in (3, 9, 15):
        assert moves[start].tolist() == pytest.approx([10 * LR] * 4, rel=1e-3)


def test_carried_state_kicks_once():
    weight = weights()
    moves = steps(Hybrid([weight], lr=LR, block=3), weight, 18)
    assert moves[3].tolist() == pytest.approx([10 * LR] * 4, rel=1e-3)
    for start in (9, 15):
        assert moves[start].max() < 9.5 * LR


def test_reset_starts_adams_bias_correction_again():
    # its first step is lr a weight, whatever the gradient
    weight = weights()
    moves = steps(Hybrid([weight], lr=LR, second="nothing", block=4, state="reset"), weight, 12)
    assert moves[8].tolist() == pytest.approx([LR] * 4, rel=1e-4)
    assert moves[0].tolist() == pytest.approx([LR] * 4, rel=1e-4)


def looks(hybrid, weight, count):
    """Along which lines each step looks, as far as a closure can see: displacements by step."""
    seen = []
    for _ in range(count):
        start, places = weight.detach().clone(), []
        hybrid.step(lambda: places.append(weight.detach() - start) or weight.square().sum())  # noqa: B023
        seen.append(places)
    return seen


def test_blocks_that_begin_anew_look_elsewhere_than_the_blocks_before():
    weight = weights()
    seen = looks(Hybrid([weight], lr=LR, block=2, queries=1, state="reset", seed=3), weight, 12)
    first_looks = [seen[start][0] for start in (2, 6, 10)]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert not torch.allclose(first_looks[one], first_looks[other], atol=1e-5)
    again = weights()
    assert all(
        torch.equal(a, b)
        for one, other in zip(
            seen,
            looks(Hybrid([again], lr=LR, block=2, queries=1, state="reset", seed=3), again, 12),
            strict=True,
        )
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("state", ["carried", "reset"])
@pytest.mark.parametrize("at", range(4))
def test_a_step_that_is_broken_off_leaves_the_state_as_it_was(state, at):
    weight = weights()
    hybrid = Hybrid([weight], lr=LR, first="signum", block=2, state=state)
    steps(hybrid, weight, 4 + at)
    before = copy.deepcopy(hybrid.state_dict())

    def broken_off():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hybrid.step(broken_off)
    assert str(hybrid.state_dict()) == str(before)


# Gradients


@pytest.mark.parametrize("taken", [0, 1])
def test_gradients_that_were_there_are_neither_used_nor_changed(taken):
    weight, clean = weights(), weights()
    hybrid, other = (Hybrid([w], lr=LR, second="sgd", block=1) for w in (weight, clean))
    steps(hybrid, weight, taken)
    steps(other, clean, taken)
    gradient = torch.full((4,), 1e6)
    weight.grad = gradient
    steps(hybrid, weight, 1)
    steps(other, clean, 1)
    assert torch.equal(weight, clean)
    assert weight.grad is gradient
    assert gradient.tolist() == [1e6] * 4


def test_a_weight_that_the_loss_does_not_depend_on_gets_no_noise():
    used, unused = weights(), weights()
    hybrid = Hybrid([used, unused], lr=LR, first="noise_matched", second="sgd", block=2)
    for _ in range(4):
        hybrid.step(lambda: used.square().sum())
    assert torch.equal(unused, weights())


def test_a_loss_that_depends_on_nothing_is_refused():
    weight = weights()
    with pytest.raises(WrongClosure, match="does not depend on the weights"):
        Hybrid([weight]).step(lambda: weight.detach().sum())


# Rates


def test_a_scheduler_moves_both_rates_by_one_factor():
    weight = weights()
    hybrid = Hybrid([weight], lr=0.1, second="sgd", second_lr=0.04, block=1)
    scheduler = lr_scheduler.StepLR(hybrid, step_size=2, gamma=0.5)
    seen = []
    for _ in range(6):
        steps(hybrid, weight, 1)
        seen.append((hybrid.first.param_groups[0]["lr"], hybrid.second.param_groups[0]["lr"]))
        scheduler.step()
    assert [first for first, _ in seen[::2]] == pytest.approx([0.1, 0.05, 0.025])
    assert [second for _, second in seen[1::2]] == pytest.approx([0.04, 0.02, 0.01])


def test_a_second_rate_that_is_not_given_follows_the_first():
    weight = weights()
    hybrid = Hybrid([weight], lr=0.1, second="signsgd", block=1)
    hybrid.param_groups[0]["lr"] = 0.03
    assert steps(hybrid, weight, 2)[1].tolist() == pytest.approx([0.03] * 4, rel=1e-4)


def test_groups_have_their_own_rates_in_both_blocks():
    slow, fast = weights(), weights()
    hybrid = Hybrid(
        [{"params": [slow], "lr": 0.01, "second_lr": 0.002}, {"params": [fast]}],
        lr=0.1, second_lr=0.05, first="signsgd", second="signum", block=1,
    )  # fmt: skip
    for expected in ((0.01, 0.1), (0.002, 0.05)):
        before = slow.detach().clone(), fast.detach().clone()
        hybrid.step(lambda: slow.square().sum() + fast.square().sum())
        for weight, place, rate in zip((slow, fast), before, expected, strict=True):
            assert (weight.detach() - place).abs().tolist() == pytest.approx([rate] * 4, rel=1e-4)


def test_a_groups_second_rate_has_an_older_name():
    hybrid = Hybrid([{"params": [weights()], "zo_lr": 0.5}], zo_lr=0.1)
    assert hybrid.param_groups[0]["second_lr"] == 0.5
    assert hybrid.defaults["second_lr"] == 0.1


# What it is made of


def test_parts_may_be_classes_of_anybodys():
    weight = weights()
    hybrid = Hybrid([weight], lr=LR, first=torch.optim.RAdam, second=AdaZO, second_options={"queries": 2})
    assert isinstance(hybrid.first, torch.optim.RAdam)
    assert hybrid.second.queries == 2
    assert hybrid.cycle == 40
    assert hybrid.forward_equivalents == 3.5  # (3 + 4) / 2
    steps(hybrid, weight, 40)
    assert not torch.equal(weight, weights())


class Spending(AdaZO):
    """An optimizer that spends 4 forward equivalents a step beside its closure's passes."""

    def step(self, closure=None):
        self.extra_forward_equivalents += 4
        return super().step(closure)


@pytest.mark.parametrize("state", ["carried", "reset"])
def test_what_parts_spend_beside_the_closure_adds_up(state):
    weight = weights()
    hybrid = Hybrid([weight], lr=LR, second=Spending, block=1, state=state)
    steps(hybrid, weight, 6)
    assert hybrid.extra_forward_equivalents == 12


def test_each_part_gets_its_own_options():
    hybrid = Hybrid([weights()], first="signum", second="signum", first_options={"momentum": 0.5})
    assert [part.param_groups[0]["momentum"] for part in (hybrid.first, hybrid.second)] == [0.5, 0.9]
    assert isinstance(hybrid.second, Signum)


def test_parts_that_look_get_the_queries_and_the_radius():
    hybrid = Hybrid([weights()], first="adazo", second="noise_matched", queries=3, radius=0.5, seed=7)
    assert (hybrid.first.queries, hybrid.first.radius, hybrid.first.seed) == (3, 0.5, 7)
    assert (hybrid.second.queries, hybrid.second.seed) == (3, 7)
    own = Hybrid([weights()], queries=3, seed=7, second_options={"queries": 5, "seed": 1})
    assert (own.second.queries, own.second.seed) == (5, 1)


@pytest.mark.parametrize(
    ("older", "name"),
    [("zeroth order", "adazo"), ("matched noise", "noise_matched"), ("random walk", "random_walk")],
)
def test_older_names_of_the_second_kind_are_known(older, name):
    kinds = [type(Hybrid([weights()], second=kind).second) for kind in (older, name)]
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"first": "addam"}, UnknownName, 'first: "addam" is not known; did you mean "adam"'),
        ({"second": "adaz"}, UnknownName, 'second: "adaz" is not known; did you mean "adazo"'),
        ({"first": "nothing"}, UnknownName, 'first: "nothing" is not known'),
        ({"first": 7}, UnknownName, "first: 7 is not known"),
        ({"first": "hybrid"}, BadInput, "first: hybrid is a hybrid itself"),
        ({"second": "hybrid_rest"}, BadInput, "second: hybrid_rest is a hybrid itself"),
        ({"second": Hybrid}, BadInput, "second: Hybrid is a hybrid itself"),
        ({"first_options": {"betas": 3}}, BadInput, "first: adam refuses the options.*betas"),
        ({"first_options": {"momentum": 0.5}}, BadInput, "first: adam refuses the options.*momentum"),
        ({"second_options": {"queries": 0}}, BadInput, "second: adazo refuses the options.*queries must be"),
        ({"first_options": {"lr": 1.0}}, BadInput, "first_options: .*give it as lr="),
        ({"second_options": {"lr": 1.0}}, BadInput, "second_options: .*give it as second_lr="),
        ({"second": "nothing", "second_options": {"queries": 2}}, BadInput, "second_options: .*no options"),
        ({"second": "signum", "queries": 3}, BadInput, "queries=3: neither adam nor signum"),
        ({"second": lambda groups, lr: groups}, BadInput, "made a list"),
        ({"zo_lr": 0.1, "second_lr": 0.2}, BadInput, "zo_lr is second_lr by its older name"),
        ({"second_lr": -1.0}, BadInput, "second_lr must be"),
        ({"state": "kept"}, UnknownName, "state"),
        ({"seed": 0.5}, BadInput, "seed must be"),
    ],
)
def test_parts_that_do_not_fit_are_named(options, error, message):
    with pytest.raises(error, match=message):
        Hybrid([weights()], **options)


def test_options_of_a_part_in_a_group_are_refused():
    with pytest.raises(BadInput, match="'weight_decay' was given"):
        Hybrid([{"params": [weights()], "weight_decay": 0.1}])


def test_a_state_of_other_parts_is_refused():
    saved = Hybrid([weights()], second="nothing").state_dict()
    with pytest.raises(BadInput, match="has a second optimizer"):
        Hybrid([weights()]).load_state_dict(saved)
