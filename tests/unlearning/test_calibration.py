"""The written rule on frontiers made by hand, clause by clause, and the search for one."""

from __future__ import annotations

import dataclasses

import pytest

from unlearnkit.errors import NotCalibrated
from unlearnkit.unlearning.calibration import choose, rate_at, search
from unlearnkit.unlearning.frontier import Line, Point

CONTROL = 4.0


def point(steps=10, *, nll=4.0, retain=0.9, status="forgotten") -> Point:
    return Point(steps, nll, 0.0, 0.0, retain, 3.0 * steps, 1.0, status)


def line(lr, *points) -> Line:
    return Line(lr, points, "budget")


def chosen(*lines):
    choice = choose(lines, control_nll=CONTROL)
    return choice.lr, choice.point.steps, choice.outcome


# Among what is forgotten


def test_what_retains_most_is_taken():
    # not the larger rate, not fewer steps, not the depth nearest to never_learned's
    best = line(1e-4, point(50, retain=0.93, nll=4.9))
    assert chosen(line(1e-3, point(10, retain=0.9)), best, line(1e-5, point(5))) == (1e-4, 50, "reached")


def test_what_is_equal_to_two_decimals_is_decided_by_the_larger_rate():
    small, large = line(1e-4, point(10, retain=0.904)), line(1e-3, point(50, retain=0.896))
    assert chosen(small, large) == chosen(large, small) == (1e-3, 50, "reached")


def test_the_third_decimal_counts_where_it_rounds_to_another():
    small, large = line(1e-4, point(10, retain=0.906)), line(1e-3, point(50, retain=0.904))
    assert chosen(small, large) == (1e-4, 10, "reached")


def test_then_by_fewer_steps():
    assert chosen(line(1e-3, point(50, retain=0.896), point(30, retain=0.9), point(40))) == (
        1e-3,
        30,
        "reached",
    )


@pytest.mark.parametrize("status", ["not reached", "over-forgotten", "destroyed"])
def test_only_what_is_forgotten_can_be_reached(status):
    other = line(1e-2, point(1, retain=1.0, status=status))
    assert chosen(other, line(1e-4, point(50, retain=0.85))) == (1e-4, 50, "reached")


# Where nothing is


def test_else_what_went_too_deep_is_taken_and_the_least_deep_of_it():
    # its knowledge is gone and the rest is there; what is nearer still knows too much, or is destroyed
    lines = [
        line(
            1e-3,
            point(10, nll=3.9, status="not reached", retain=1.0),
            point(15, nll=8.0, status="over-forgotten"),
        ),
        line(1e-4, point(20, nll=5.5, status="over-forgotten", retain=0.85)),
        line(1e-2, point(5, nll=4.0, status="destroyed", retain=0.1)),
    ]
    assert chosen(*lines) == (1e-4, 20, "not reached")


def test_else_the_point_nearest_to_the_controls_depth_is_taken():
    shallow = line(1e-3, point(10, nll=2.9, status="not reached", retain=1.0))
    deep = line(1e-4, point(20, nll=4.5, status="destroyed", retain=0.1))
    assert chosen(shallow, deep)[:2] == (1e-4, 20)
    assert chosen(line(1e-5, point(30, nll=3.7, status="not reached")), shallow, deep)[:2] == (1e-5, 30)


@pytest.mark.parametrize("status", ["over-forgotten", "not reached", "destroyed"])
def test_of_two_equally_near_the_smaller_rate_is_taken(status):
    lines = [line(1e-3, point(10, nll=6.0, status=status)), line(1e-4, point(20, nll=6.0, status=status))]
    assert chosen(*lines)[0] == chosen(*reversed(lines))[0] == 1e-4
    lines = [line(1e-3, point(10, nll=6.0, status=status)), line(1e-4, point(20, nll=2.0, status=status))]
    assert chosen(*lines)[0] == chosen(*reversed(lines))[0] == 1e-4


@pytest.mark.parametrize(
    ("points", "outcome"),
    [
        # nothing came as deep as three quarters of the control: nobody knows what would be left there
        ([(2.9, "not reached")], "not reached"),
        ([(2.9, "destroyed")], "not reached"),
        # what came as deep was destroyed, all of it
        ([(3.0, "destroyed")], "destroyed"),
        ([(2.0, "not reached"), (3.5, "destroyed"), (9.0, "destroyed")], "destroyed"),
        # one came as deep and kept enough, but knew too much or went too deep
        ([(3.5, "not reached"), (9.0, "destroyed")], "not reached"),
        ([(3.5, "destroyed"), (9.0, "over-forgotten")], "not reached"),
    ],
)
def test_why_nothing_was_reached(points, outcome):
    found = [point(nll=nll, status=status) for nll, status in points]
    assert choose([line(1e-3, *found)], control_nll=CONTROL).outcome == outcome


def test_the_points_of_all_lines_decide_why():
    destroyed = line(1e-2, point(nll=4.0, status="destroyed"))
    shallow, deep = (line(1e-4, point(nll=nll, status="not reached")) for nll in (2.0, 3.5))
    assert choose([destroyed, shallow], control_nll=CONTROL).outcome == "destroyed"
    assert choose([destroyed, deep], control_nll=CONTROL).outcome == "not reached"


def test_a_line_without_points_is_no_hindrance():
    assert chosen(Line(1.0, (), "diverged"), line(1e-3, point())) == (1e-3, 10, "reached")


def test_when_everything_diverged_there_is_no_preset():
    with pytest.raises(NotCalibrated, match=r"diverged at once \(0\.1, 1\); start lower"):
        choose([Line(0.1, (), "diverged"), Line(1.0, (), "diverged")], control_nll=CONTROL)


def test_a_choice_is_plain_values():
    found = choose([line(1e-3, point())], control_nll=CONTROL).to_dict()
    assert found == {"lr": 1e-3, "outcome": "reached", **dataclasses.asdict(point())}


# The search


class Peaked:
    """Lines that retain less, the further their rate is from the best one; and what was asked for."""

    def __init__(self, best: int, *, start: float = 1e-3, diverges_from: int = 99) -> None:
        self.places = {rate_at(start, place): place for place in range(-20, 20)}
        self.best, self.diverges_from, self.asked = best, diverges_from, []

    def __call__(self, lr: float) -> Line:
        place = self.places[lr]
        self.asked.append(place)
        if place >= self.diverges_from:
            return Line(lr, (), "diverged")
        return line(lr, point(retain=0.9 - 0.02 * abs(place - self.best)))


@pytest.mark.parametrize(
    ("best", "asked"),
    [
        # places are a factor of 10^(1/4) apart: every second one first, then both sides of the best
        (0, [-2, 0, 2, -1, 1]),
        (1, [-2, 0, 2, 4, 1, 3]),  # 0 and 2 are equal, and the larger one is at the edge
        (2, [-2, 0, 2, 4, 1, 3]),
        (5, [-2, 0, 2, 4, 6, 8, 5, 7]),
        (-2, [-2, 0, 2, -4, -3, -1]),
        (-4, [-2, 0, 2, -4, -6, -5, -3]),
        # six coarse ones are all there are
        (15, [-2, 0, 2, 4, 6, 8, 7, 9]),
        (-15, [-2, 0, 2, -4, -6, -8, -9, -7]),
    ],
)
def test_rates_are_tried_coarse_to_fine_and_beyond_the_edge(best, asked):
    follow = Peaked(best)
    lines = search(follow, start=1e-3, control_nll=CONTROL)
    assert follow.asked == asked
    assert [line.lr for line in lines] == sorted(rate_at(1e-3, place) for place in asked)


@pytest.mark.parametrize(
    ("best", "asked"), [(0, [-2, 0, 2]), (2, [-2, 0, 2, 4]), (15, [-2, 0, 2, 4]), (-4, [-2, 0, 2, -4])]
)
def test_a_quick_look_stays_coarse_and_follows_four_at_most(best, asked):
    follow = Peaked(best)
    search(follow, start=1e-3, control_nll=CONTROL, most_coarse=4, fine=False)
    assert follow.asked == asked


def test_the_best_is_among_what_was_tried_when_it_is_near():
    for best in range(-5, 6):
        lines = search(Peaked(best), start=1e-3, control_nll=CONTROL)
        assert choose(lines, control_nll=CONTROL).lr == rate_at(1e-3, best)


def test_the_same_answers_make_the_same_search():
    one, other = Peaked(3), Peaked(3)
    assert search(one, start=1e-3, control_nll=CONTROL) == search(other, start=1e-3, control_nll=CONTROL)
    assert one.asked == other.asked


def test_it_goes_down_from_where_everything_diverges_and_finds_what_does_not():
    follow = Peaked(-5, diverges_from=-3)
    lines = search(follow, start=1e-3, control_nll=CONTROL)
    assert follow.asked == [-2, 0, 2, -4, -6, -5, -3]
    assert choose(lines, control_nll=CONTROL).lr == rate_at(1e-3, -5)


def test_it_ends_also_when_everything_diverges():
    follow = Peaked(0, diverges_from=-20)
    lines = search(follow, start=1e-3, control_nll=CONTROL)
    assert follow.asked == [-2, 0, 2, -4, -6, -8, -9, -7]
    with pytest.raises(NotCalibrated, match="diverged at once"):
        choose(lines, control_nll=CONTROL)


def test_rates_are_round():
    assert [rate_at(1e-3, place) for place in range(-4, 5)] == [
        1e-4, 1.8e-4, 3.2e-4, 5.6e-4, 1e-3, 1.8e-3, 3.2e-3, 5.6e-3, 1e-2,
    ]  # fmt: skip
    assert rate_at(3.2e-4, 2) == 1.0e-3
