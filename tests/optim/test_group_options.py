"""Options of a group of weights are checked as the optimizer's own are."""

from __future__ import annotations

import math

import pytest

from unlearnkit.errors import BadInput

from .one_step import NAMES, make, matrix


def numbers(value):
    return isinstance(value, float | int) and not isinstance(value, bool)


def options_of(name):
    """The options of a group that are a number, or a tuple of numbers."""
    defaults = make(name, [matrix()]).defaults
    return [option for option, value in defaults.items() if numbers(value) or _pair(value)]


def _pair(value):
    return isinstance(value, tuple) and all(numbers(part) for part in value)


def spoiled(value, bad):
    """The value with a bad number in its place, or in one of its places."""
    return (bad, *value[1:]) if isinstance(value, tuple) else bad


CASES = [(name, option) for name in NAMES for option in options_of(name)]


@pytest.mark.parametrize(("name", "option"), CASES)
@pytest.mark.parametrize("bad", [math.nan, -1.0, "much"])
def test_a_group_with_an_option_that_makes_no_sense_is_refused(name, option, bad):
    value = spoiled(make(name, [matrix()]).defaults[option], bad)
    with pytest.raises(BadInput):
        make(name, [{"params": [matrix(0)]}, {"params": [matrix(1)], option: value}])
    optimizer = make(name, [matrix(0)])
    with pytest.raises(BadInput):
        optimizer.add_param_group({"params": [matrix(1)], option: value})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_group_keeps_the_options_that_it_is_given(name):
    optimizer = make(name, [{"params": [matrix(0)]}, {"params": [matrix(1)], "lr": 0.5}])
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.5]
    for option in options_of(name):
        if option != "lr":
            assert optimizer.param_groups[1][option] == optimizer.defaults[option]
