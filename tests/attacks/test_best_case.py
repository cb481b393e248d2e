"""The best-case attacker: every point is a relearning attack, and the best is the best that is usable."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest

from unlearnkit.attacks import BestCase, BestCasePoint, best_case, relearn
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.metrics import evaluate
from unlearnkit.testbeds import Split, Testbed

RATES = (1e-4, 3e-4, 1e-3)
# the module, which the package hides behind the function of the same name
MODULE = sys.modules[best_case.__module__]
FEW = {"steps": (2, 1), "rates": RATES, "batch_size": 4}


@pytest.fixture(scope="module")
def scores(toy):
    return evaluate(toy.model, toy)


@pytest.fixture
def found(scores):
    """Make a result: found([(lr, steps, held out, retain)]) with a retain of 0.8 before."""

    def make(*rows, floor=0.9) -> BestCase:
        def after(heldout: float, retain: float):
            return dataclasses.replace(scores, knowmem_forget_heldout=heldout, knowmem_retain=retain)

        points = tuple(
            BestCasePoint(lr, steps, after(heldout, retain), retain >= floor * 0.8)
            for lr, steps, heldout, retain in rows
        )
        return BestCase("shown", floor, 0, after(0.1, 0.8), points)

    return make


def test_every_point_is_what_relearning_gives(toy):
    result = best_case(toy.model, toy, seed=3, rows="retain", **FEW)
    assert [(point.lr, point.steps) for point in result.points] == [(lr, n) for lr in RATES for n in (1, 2)]
    assert result.before == evaluate(toy.model, toy)
    for point in (result.points[1], result.points[-1]):
        alone = relearn(toy.model, toy, steps=point.steps, lr=point.lr, batch_size=4, rows="retain", seed=3)
        assert point.scores == evaluate(alone, toy)
    assert (result.rows, result.seed, result.utility_floor) == ("retain", 3, 0.9)


def test_the_best_is_the_best_of_those_that_keep_utility(found):
    result = found((1e-4, 10, 0.2, 0.8), (3e-4, 10, 0.6, 0.73), (1e-3, 10, 0.9, 0.71))
    assert [point.keeps_utility for point in result.points] == [True, True, False]  # 0.72 is the floor
    assert result.best is result.points[1]
    assert "lr 0.0003, 10 steps; held out 0.10 → 0.60, retain 0.80 → 0.73" in result.verdict
    assert "<tr style='font-weight:bold'><td>0.0003</td>" in result._repr_html_()
    assert result._repr_html_().count("font-weight") == 1


def test_of_equals_the_first_is_taken(found):
    result = found((1e-4, 10, 0.2, 0.75), (1e-4, 25, 0.2, 0.8), (3e-4, 10, 0.2, 0.8))
    assert result.best is result.points[0]


def test_when_none_keeps_utility_it_says_so(found):
    result = found((1e-4, 10, 0.5, 0.1), (3e-4, 10, 0.6, 0.1))
    assert result.best is None
    assert result.to_dict()["best"] is None
    for text in (result.verdict, result._repr_html_()):
        assert "none of 2 settings keeps 0.9 of retain (0.80 before)" in text


def test_the_floor_is_the_models_own_retain_before(toy, monkeypatch, scores):
    # retain before, then after three settings: exactly at the floor counts
    retains = iter([0.5, 0.25, 0.2, 0.6])
    monkeypatch.setattr(
        MODULE,
        "evaluate",
        lambda model, lab: dataclasses.replace(scores, knowmem_retain=next(retains)),
    )
    result = best_case(toy.model, toy, steps=(1,), rates=RATES, batch_size=4, utility_floor=0.5)
    assert [point.keeps_utility for point in result.points] == [True, False, True]


def test_it_is_plain_json(found):
    content = json.loads(json.dumps(found((1e-4, 10, 0.2, 0.8)).to_dict()))
    assert content["best"] == content["points"][0]
    assert content["best"]["scores"]["knowmem_forget_heldout"] == 0.2
    assert set(content) == {"rows", "utility_floor", "seed", "before", "points", "best"}


def test_the_input_never_changes(toy, make_llama, fingerprint, random_state):
    model = make_llama(2).train()
    before, state = fingerprint(model), random_state()
    best_case(model, toy, **FEW)
    assert fingerprint(model) == before
    assert random_state() == state


@pytest.mark.slow
def test_the_control_has_nothing_to_bring_back(lab):
    result = best_case(lab.never_learned, lab, steps=(50,))
    assert result.best is not None
    assert result.best.scores.knowmem_forget_heldout <= 0.15


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rates": (1e-4, 3e-4)}, BadInput, r"rates: three different ones at least, not \[0.0001, 0.0003\]"),
        ({"rates": (1e-4, 1e-4, 3e-4)}, BadInput, "rates: three different"),
        ({"rates": (1e-4, 3e-4, 0.0)}, BadInput, "lr must be"),
        ({"steps": ()}, BadInput, "at least one budget"),
        ({"steps": (0,)}, BadInput, "steps must be"),
        ({"utility_floor": 0}, BadInput, "utility_floor must be"),
        ({"utility_floor": 1.5}, BadInput, "utility_floor must be"),
        ({"rows": "all"}, UnknownName, "rows"),
        ({"seed": "x"}, BadInput, "seed must be"),
        ({"batch_size": 0}, BadInput, "batch_size must be"),
    ],
)
def test_bad_arguments_raise_before_any_work(options, error, message, toy, monkeypatch):
    monkeypatch.setattr(MODULE, "evaluate", lambda *_: pytest.fail("work was done"))
    monkeypatch.setattr(Testbed, "encode", lambda *_, **__: pytest.fail("work was done"))
    with pytest.raises(error, match=message):
        best_case(toy.model, toy, **options)


def test_without_held_out_facts_there_is_nothing_to_pick_by(toy):
    bare = dataclasses.replace(toy, forget_heldout=Split("forget_heldout", ()))
    with pytest.raises(BadInput, match="no open-class question in forget_heldout"):
        best_case(toy.model, bare)
