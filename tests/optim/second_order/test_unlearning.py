"""Second order in the unlearning loop, on the lab: it runs, its cost is counted, its clipping is seen."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

import unlearnkit as uk
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare

STEPS = 3
# Beyond 3 a step: a Hessian-vector product (4), a pass over sampled labels (3), a product a step.
EXTRA = {"sophia": 4, "sophia_g": 3, "adahessian": 12, "soul_sophia": 0}


def problem_of(lab, optimizer, steps=STEPS, **options):
    given = {"lr": 1e-4, "steps": steps, "batch_size": 8, "optimizer_options": options}
    return prepare(lab, configure(lab, "npo", optimizer, **given))


@pytest.mark.parametrize("optimizer", EXTRA)
def test_what_a_run_costs_is_counted(optimizer, lab, random_state):
    before = random_state()
    problem = problem_of(lab, optimizer)
    losses = list(problem.descent())
    reference = 0.5 * math.ceil(len(problem.forget) / 8)  # npo's, over the forget rows once
    assert problem.forward_equivalents == reference + 3 * STEPS + EXTRA[optimizer]
    assert len(losses) == STEPS
    assert all(math.isfinite(loss) for loss in losses)
    assert random_state() == before
    assert all(weight.grad is None for weight in problem.model.parameters()) == (optimizer != "soul_sophia")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", EXTRA)
def test_a_whole_run_on_the_lab(optimizer, lab, random_state):
    before = random_state()
    run = uk.unlearn(lab, "npo", optimizer=optimizer, lr=1e-4, steps=STEPS, batch_size=8, progress=False)
    adam = 0.5 * math.ceil(len(lab.encode(lab.forget)) / 8) + 3 * STEPS
    assert run.cost.forward_equivalents == adam + EXTRA[optimizer]
    assert run.cost.moved_fraction > 0.5
    assert run.config.grade == "second order"
    assert random_state() == before


def went(problem):
    """Where a run's steps took it, as one vector."""
    list(problem.descent())
    pairs = zip(problem.model.parameters(), problem.lab.model.parameters(), strict=True)
    return torch.cat([(new - old).detach().flatten() for new, old in pairs])


@pytest.mark.parametrize(
    ("optimizer", "momentum"), [("sophia", 0.96), ("sophia_g", 0.96), ("soul_sophia", 0.9)]
)
def test_with_their_own_settings_they_are_sign_descent(optimizer, momentum, lab):
    # what is called second order clips nearly everywhere, and goes where Signum with its momentum goes
    problem = problem_of(lab, optimizer)
    path, signum = went(problem), went(problem_of(lab, "signum", momentum=momentum))
    assert problem.optimizer.clipped_share > 0.9
    assert torch.cosine_similarity(path, signum, dim=0) > 0.9


def test_the_limit_on_the_gradient_is_the_runs(lab):
    for optimizer in ("sophia", "adahessian"):
        config = configure(lab, "npo", optimizer, lr=1e-4, steps=1, batch_size=8, max_grad_norm=0.25)
        assert prepare(lab, config).optimizer.max_grad_norm == 0.25


@pytest.mark.parametrize("optimizer", ["sophia", "sophia_g", "adahessian"])
def test_dropout_is_drawn_from_the_runs_seed(optimizer, toy, make_llama, random_state):
    # the curvature of Hutchinson is of the same mask as the gradient; sampled labels have a mask of their own
    dropping = dataclasses.replace(toy, model=make_llama(0, attention_dropout=0.3))
    ends, before = [], random_state()
    for lab in (dropping, dropping, toy):
        problem = problem_of(lab, optimizer)
        list(problem.descent())
        ends.append(torch.cat([weight.detach().flatten() for weight in problem.model.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])
    assert random_state() == before
