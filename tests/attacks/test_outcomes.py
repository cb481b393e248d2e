"""Outcomes follow DESIGN's rule: the first line that applies, at its very boundary."""

from __future__ import annotations

import pytest

from unlearnkit.metrics import Scores
from unlearnkit.studies import OUTCOMES, outcome, recovery


def scores(*, shown: float = 0.0, heldout: float = 0.0, retain: float = 1.0, nll: float = 4.0) -> Scores:
    return Scores(shown, heldout, retain, 0.3, 1.0, nll, 0.1)


TARGET = scores(shown=1, heldout=1, nll=0)
NOTHING = [{"shown": 0.0, "heldout": 0.0}]


def judged(status: str = "forgotten", attacked: Scores | None = None, **more: object) -> str:
    given: dict = {"target": TARGET, "recoveries": NOTHING, "has_power": True, **more}
    return outcome(status, attacked or scores(), **given)


@pytest.mark.parametrize("status", ["diverged", "destroyed"])
def test_a_wrecked_run_is_destroyed_even_if_nothing_came_back(status: str) -> None:
    assert judged(status) == "destroyed"


@pytest.mark.parametrize("status", ["not reached", "no control"])
def test_what_was_not_forgotten_cannot_survive(status: str) -> None:
    assert judged(status) == "not applicable"


@pytest.mark.parametrize(("retain", "expected"), [(0.80, "survived"), (0.799, "destroyed")])
def test_an_attack_that_destroys_what_is_kept_is_no_survival(retain: float, expected: str) -> None:
    assert judged(attacked=scores(retain=retain)) == expected


def test_an_attack_without_power_proves_nothing_either_way() -> None:
    many = [{"shown": 0.0, "heldout": 0.9}]
    assert judged(has_power=False) == "no power"
    assert judged(has_power=False, recoveries=many) == "no power"


@pytest.mark.parametrize(
    ("recoveries", "expected"),
    [
        ([{"shown": 0.10, "heldout": 0.10}], "survived"),
        ([{"shown": 0.11, "heldout": 0.0}], "recovered"),
        ([{"shown": 0.0, "heldout": 0.11}], "recovered"),
        ([{"shown": 0.0, "heldout": 0.0}, {"shown": 0.0, "heldout": 0.2}], "recovered"),
        ([{"shown": -0.3, "heldout": -0.3}], "survived"),
    ],
)
def test_survival_holds_for_both_halves_at_every_budget(recoveries: list, expected: str) -> None:
    assert judged(recoveries=recoveries) == expected


@pytest.mark.parametrize("status", ["forgotten", "over-forgotten"])
def test_over_forgotten_runs_get_an_outcome_too(status: str) -> None:
    assert judged(status) == "survived"


def test_every_outcome_is_listed() -> None:
    assert {judged(), judged("destroyed"), judged("not reached"), judged(has_power=False)} < set(OUTCOMES)


def test_recovery_is_what_goes_beyond_the_control_under_the_same_attack() -> None:
    beyond = recovery(scores(shown=0.9, heldout=0.4), scores(shown=0.6, heldout=0.5))
    assert beyond == {"shown": pytest.approx(0.3), "heldout": pytest.approx(-0.1)}
