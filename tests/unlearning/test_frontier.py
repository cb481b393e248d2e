"""Where a line of the frontier is looked at, what of it is scored, why it ends: on runs made up by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
import torch

import unlearnkit as uk
from unlearnkit.metrics import References, Scores
from unlearnkit.unlearning.frontier import Line, Point, follow, looks

MODULE = import_module("unlearnkit.unlearning.frontier")
CONTROL = 4.0  # nats a token
OPTIONS = {"adam": {}, "signadam": {}, "adazo": {"queries": 8}, "hybrid": {"block": 10, "queries": 4},
           "hybrid_rest": {"block": 10}, "hybrid_first": {"block": 3, "second_block": 4}}  # fmt: skip


# Where it is looked at


@pytest.mark.parametrize("budget", [5, 100, 1200, 3000])
@pytest.mark.parametrize("optimizer", OPTIONS)
def test_looks_are_ends_of_the_cycle_within_the_budget(optimizer, budget):
    made = uk.optim.create(optimizer, [_weight()], **OPTIONS[optimizer])
    price = getattr(made, "forward_equivalents", 3)  # torch's own do not say: a forward and a backward pass
    cycle = getattr(made, "cycle", 1)
    steps = looks(optimizer, budget=budget, options=OPTIONS[optimizer])
    assert steps == sorted(set(steps))
    assert all(step % cycle == 0 for step in steps)
    assert steps[-1] * price <= budget or steps == [cycle]  # one cycle is the least there is
    assert (steps[-1] + cycle) * price > budget  # and nothing of the budget is given away
    assert steps[0] >= cycle


@pytest.mark.parametrize(
    ("optimizer", "budget", "last"),
    [
        ("adam", 1200, 400),
        ("adam", 1199, 399),
        ("adazo", 3000, 187),
        ("hybrid", 1200, 200),
        ("hybrid", 1, 20),
    ],
)
def test_the_last_look_by_hand(optimizer, budget, last):
    # 3 a step; 2 * 8 a step: 187.5; 5.5 a step in cycles of 20: 10.9 cycles
    assert looks(optimizer, budget=budget, options=OPTIONS[optimizer])[-1] == last


def test_looks_lie_five_percent_apart():
    steps = looks("adam", budget=3000, options={})
    assert steps[0] == 8
    assert all(after <= before * 1.05 + 1 for before, after in pairwise(steps))
    assert len(steps) < 100


# What is scored, and why it ends


@dataclass
class Look:
    """A checkpoint that knows its step and what the run is like by then."""

    step: int
    depth: float
    retain: float
    diverged: bool
    asked: list[int]

    @property
    def model(self) -> int:
        return self.step

    @property
    def problem(self) -> Any:
        return self

    @property
    def forward_equivalents(self) -> float:
        return 3.0 * self.step

    def nll_forget(self) -> float:
        self.asked.append(self.step)
        return self.depth


@pytest.fixture
def made_up(monkeypatch, toy):
    """Follow a run whose depth and retention are functions of its step; (line, looks taken, depths asked)."""

    def run(depth, *, retain=lambda step: 0.9, diverges_at=10**9, budget=1200.0):
        taken, asked = [], []

        def walk(lab, objective, *, at, **settings):
            for step in at:
                taken.append(step)
                yield Look(step, depth(step), retain(step), step >= diverges_at, asked)

        def score(step, lab, *, verbatim):
            return Scores(0.0, 0.0, retain(step), 0.0, 0.0, depth(step), 0.1)

        target, control = (Scores(*[k] * 3, 0.0, 0.0, nll, 0.1) for k, nll in ((1.0, 0.01), (0.0, CONTROL)))
        monkeypatch.setattr(MODULE, "checkpoints", walk)
        monkeypatch.setattr(MODULE, "evaluate", score)
        monkeypatch.setattr(MODULE, "references", lambda lab: References(target, control))
        monkeypatch.setattr(MODULE, "displacement", lambda model, origin: {"distance_l2": 0.5 * model})
        return follow(toy, "npo", "adam", lr=1e-3, budget=budget), taken, asked

    return run


def test_a_run_that_gets_too_deep_ends_there(made_up):
    line, taken, _ = made_up(lambda step: 0.05 * step)
    assert line.ended == "over-forgotten"
    # 1.375 times the control is 5.5 nats: 110 steps
    assert [point.nll_forget > 5.5 for point in line.points] == [False] * (len(line.points) - 1) + [True]
    assert taken[-1] == line.points[-1].steps < 125


def test_a_run_that_is_wrecked_twice_in_turn_ends_there(made_up):
    line, taken, _ = made_up(lambda step: 0.01 * step, retain=lambda step: 0.9 if step < 200 else 0.19)
    assert line.ended == "destroyed"
    assert [point.knowmem_retain for point in line.points[-3:]] == [0.9, 0.19, 0.19]
    assert [point.status for point in line.points[-2:]] == ["destroyed"] * 2
    assert taken[-1] == line.points[-1].steps < 300


def test_a_run_that_recovers_goes_on(made_up):
    # only one scored point is below a fifth
    scored = [point.steps for point in made_up(lambda step: 0.01 * step)[0].points]
    line, *_ = made_up(lambda step: 0.01 * step, retain=lambda step: 0.1 if step == scored[4] else 0.9)
    assert line.ended == "budget"
    assert line.points[4].knowmem_retain == 0.1
    assert line.points[-1].steps == 400


def test_a_run_that_diverges_keeps_its_points(made_up):
    line, taken, _ = made_up(lambda step: 0.01 * step, diverges_at=150)
    assert line.ended == "diverged"
    assert line.points
    assert all(point.steps < 150 for point in line.points)
    assert line.points == made_up(lambda step: 0.01 * step)[0].points[: len(line.points)]
    assert taken[-1] >= 150


def test_a_run_that_diverges_at_once_has_none(made_up):
    line, *_ = made_up(lambda step: 0.01 * step, diverges_at=1)
    assert line == Line(1e-3, (), "diverged")


def test_the_end_of_the_budget_is_always_scored(made_up):
    line, taken, asked = made_up(lambda step: 0.01)  # nothing ever happens
    assert [point.steps for point in line.points] == [400]
    assert line.ended == "budget"
    assert taken[-1] == 400
    # while it is shallow only every third look asks for the depth, and the last one asks nobody
    assert asked == taken[2:-1:3]


def test_points_are_scored_coarse_and_from_six_tenths_on_fine(made_up):
    # looks are 5 % apart, and so is the depth here; rounded to whole steps, 6 % are two looks at most
    line, taken, asked = made_up(lambda step: 0.01 * step)
    depths = [point.nll_forget for point in line.points[:-1]]  # the last is the end of the budget
    pairs = list(pairwise(depths))
    shallow = [after / before for before, after in pairs if after < 0.6 * CONTROL]
    deep = [after / before for before, after in pairs if before >= 0.6 * CONTROL]
    assert len(shallow) >= 3
    assert len(deep) >= 4
    assert all(1.6 <= ratio < 1.6 * 1.05**3 for ratio in shallow)  # every third look, at first
    assert all(1.06 <= ratio < 1.06 * 1.06 for ratio in deep)
    assert depths[0] >= 0.05 * CONTROL * 1.6
    quarter = next(step for step in asked if 0.01 * step >= 0.25 * CONTROL)
    assert set(asked) >= {step for step in taken[:-1] if step >= quarter}


def test_a_point_is_what_was_measured_there(made_up):
    line, *_ = made_up(lambda step: 0.05 * step)
    found = line.points[0]
    known = {"knowmem_forget_shown": 0.0, "knowmem_forget_heldout": 0.0, "knowmem_retain": 0.9}
    depth, price, distance = (factor * found.steps for factor in (0.05, 3.0, 0.5))
    assert found == Point(
        found.steps, depth, **known, forward_equivalents=price, distance_l2=distance, status="not reached"
    )
    statuses = {point.status for point in line.points if 3.0 <= point.nll_forget <= 5.0}
    assert statuses == {"forgotten"}


def test_a_line_survives_json(made_up):
    line, *_ = made_up(lambda step: 0.05 * step + 1 / 3)
    assert Line.from_dict(json.loads(json.dumps(line.to_dict()))) == line


def test_a_real_run_is_followed_to_its_end(toy):
    line = follow(toy, "graddiff", "adam", lr=1e-4, budget=6.0, batch_size=4, seed=0)
    assert (line.ended, [point.steps for point in line.points]) == ("budget", [2])
    run = uk.unlearn(toy, "graddiff", optimizer="adam", lr=1e-4, steps=2, batch_size=4, progress=False)
    (point,) = line.points
    assert point.nll_forget == run.scores.nll_forget
    assert point.distance_l2 == run.cost.distance_l2
    assert (point.forward_equivalents, point.status) == (6.0, run.status)


def _weight():
    return torch.nn.Parameter(torch.zeros(1))
