"""What an optimizer is given beside its learning rate: what the run says, unless it is told another."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import unlearnkit as uk
from unlearnkit.unlearning.configure import configure, make_optimizer

GIVEN = {"lr": 1e-3, "steps": 2, "batch_size": 4}


def made(toy, optimizer, options=None, **changes):
    config = configure(toy, "npo", optimizer, optimizer_options=options, **GIVEN | changes)
    return make_optimizer(config, [torch.nn.Parameter(torch.zeros(2))])


def takers(option):
    """The optimizers of the catalogue that have an option of this name."""
    return [name for name in uk.optim.catalogue().name if uk.optim.find(name).takes(option)]


@pytest.mark.parametrize("optimizer", takers("seed"))
def test_one_that_draws_gets_the_runs_seed(optimizer, toy):
    assert made(toy, optimizer, seed=7).seed == 7
    assert made(toy, optimizer, {"seed": 1}, seed=7).seed == 1


@pytest.mark.parametrize("optimizer", ["hybrid", "hybrid_noise", "hybrid_random", "hybrid_first"])
def test_the_second_part_of_a_hybrid_gets_the_runs_seed(optimizer, toy):
    assert made(toy, optimizer, seed=7).second.seed == 7


@pytest.mark.parametrize("kinds", [{"first": "adazo", "second": "sgd"}, {"state": "reset"}])
def test_parts_of_any_kind_get_what_the_run_says(kinds, toy):
    hybrid = made(toy, "hybrid", kinds, seed=7, max_grad_norm=0.5)
    drawing = hybrid.first if "first" in kinds else hybrid.second
    assert drawing.seed == 7
    assert hybrid.max_grad_norm == 0.5


@pytest.mark.parametrize("part", [n for n in takers("max_grad_norm") if not n.startswith("hybrid")])
def test_a_part_that_owns_its_gradients_gets_the_runs_limit(part, toy):
    hybrid = made(toy, "hybrid", {"second": part}, max_grad_norm=0.5)
    assert hybrid.second.max_grad_norm == 0.5
    own = made(toy, "hybrid", {"second": part, "second_options": {"max_grad_norm": 2.0}}, max_grad_norm=0.5)
    assert (own.max_grad_norm, own.second.max_grad_norm) == (0.5, 2.0)


@pytest.mark.parametrize("optimizer", takers("max_grad_norm"))
def test_one_that_owns_its_gradients_gets_the_runs_limit_on_them(optimizer, toy):
    assert made(toy, optimizer).max_grad_norm == 1.0
    assert made(toy, optimizer, max_grad_norm=None).max_grad_norm is None
    assert made(toy, optimizer, max_grad_norm=0.5).max_grad_norm == 0.5
    assert made(toy, optimizer, {"max_grad_norm": 2.0}, max_grad_norm=0.5).max_grad_norm == 2.0


def test_a_hybrids_first_block_is_a_run_of_adam_under_every_limit(toy, same_bits):
    # four steps of Adam, and one of nothing
    ends = []
    for limit in (1.0, 0.01, None):
        given = {"lr": 1e-3, "batch_size": 4, "max_grad_norm": limit, "progress": False}
        blocks = {"block": 4, "second_block": 1}
        rest = uk.unlearn(
            toy, "graddiff", optimizer="hybrid_rest", optimizer_options=blocks, steps=5, **given
        )
        adam = uk.unlearn(toy, "graddiff", optimizer="adam", steps=4, **given)
        assert same_bits(rest.model, adam.model)
        ends.append(adam.model)
    assert not same_bits(ends[0], ends[1])
    assert not same_bits(ends[0], ends[2])


def test_the_configuration_holds_what_the_user_said_and_no_more(toy):
    config = configure(toy, "npo", "hybrid", optimizer_options={"block": 1}, **GIVEN)
    assert config.optimizer_options == {"block": 1}
    assert dataclasses.asdict(config)["max_grad_norm"] == 1.0
