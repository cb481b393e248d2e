"""Two ways to say the lengths of blocks, and the numbers of blocks."""

from __future__ import annotations

import itertools

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.optim.hybrid.schedule import Schedule, plan


def letters(schedule, steps):
    return "".join("F" if schedule.in_first(step) else "S" for step in range(steps))


@pytest.mark.parametrize(
    ("options", "blocks"),
    [
        ({"period": 40}, (20, 20)),
        ({"ratio": 0.25}, (30, 10)),
        ({"period": 4, "ratio": 0.75}, (1, 3)),
        ({"period": 10, "ratio": 1 / 3}, (7, 3)),
        ({"period": 5}, (3, 2)),
        ({}, (20, 20)),
        ({"block": 7}, (7, 7)),
        ({"second_block": 7}, (20, 7)),
    ],
    ids=str,
)
def test_a_period_and_a_ratio_say_the_blocks(options, blocks):
    schedule = plan(**options)
    assert (schedule.first, schedule.second) == blocks
    assert schedule.cycle == sum(blocks)


def test_the_ratio_is_the_second_kinds_whichever_ends():
    assert letters(plan(period=4, ratio=0.75), 8) == "FSSSFSSS"
    assert letters(plan(period=4, ratio=0.75, ends_on="first"), 8) == "SSSFSSSF"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": 20, "period": 40}, "leave one pair out"),
        ({"second_block": 2, "ratio": 0.5}, "leave one pair out"),
        ({"period": 10, "ratio": 0.01}, "0 steps of the second kind and 10 of the first"),
        ({"period": 10, "ratio": 0.99}, "10 steps of the second kind and 0 of the first"),
        ({"period": 1}, "period must be"),
        ({"ratio": 0.0}, "ratio must be"),
        ({"ratio": 1.0}, "ratio must be"),
        ({"period": 2.5}, "period must be"),
    ],
    ids=str,
)
def test_what_makes_no_schedule_is_refused(options, message):
    with pytest.raises(BadInput, match=message):
        plan(**options)


@pytest.mark.parametrize("ends_on", ["second", "first"])
@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 1)])
@pytest.mark.parametrize("end", [0, 1, 2, 3, 5, 7, 12])
def test_blocks_are_counted_as_their_letters_say(first, second, ends_on, end):
    schedule = Schedule(first, second, ends_on, end)
    plain = letters(schedule, end or 13)
    found = [schedule.block(step) for step in range(len(plain))]
    counts, expected = {"F": itertools.count(), "S": itertools.count()}, []
    starts = []
    for letter, run in itertools.groupby(plain):
        starts.append(len(expected))
        number = next(counts[letter])
        expected += [(letter == "F", number) for _ in run]
    assert found == expected
    assert [step for step in range(len(plain)) if schedule.begins_block(step)] == starts
