"""The messages name the argument, the rule, what was given and the way out."""

from __future__ import annotations

import copy
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit import errors
from unlearnkit.errors import (
    BadInput,
    UnknownName,
    UnlearnkitError,
    require_fraction,
    require_integer,
    require_one_of,
    require_positive,
    unknown_name,
)

NO_NUMBERS = [math.nan, math.inf, -math.inf, "1", None, True, [1.0], 1j]
CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Exception)]


def test_every_error_is_caught_as_one():
    assert len(CLASSES) == 6
    assert all(issubclass(cls, UnlearnkitError) for cls in CLASSES)


@pytest.mark.parametrize("cls", [errors.BadInput, errors.UnknownName, errors.WrongClosure])
def test_bad_arguments_are_value_errors(cls):
    assert issubclass(cls, ValueError)


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_can_be_rebuilt_in_another_process(cls):
    # copy goes through the same __reduce__ as the channel between two processes
    again = copy.copy(cls("what happened"))
    assert type(again) is cls
    assert str(again) == "what happened"


def test_an_unknown_name_gets_the_nearest():
    error = unknown_name("optimizer", "addam", iter(["adam", "sgd"]))
    assert str(error) == 'optimizer: "addam" is not known; did you mean "adam"? Known: adam, sgd.'
    assert str(copy.copy(error)) == str(error)


def test_an_unknown_name_near_nothing_gets_the_list():
    assert str(unknown_name("task", "xyz", ["topic"])) == 'task: "xyz" is not known. Known: topic.'


def test_case_does_not_hide_the_nearest_name():
    assert 'did you mean "npo"' in str(unknown_name("objective", "NPO", ["npo", "graddiff"]))


@pytest.mark.parametrize(("value", "choices"), [("a", "ab"), (4, (8, 4)), (np.int64(4), (8, 4)), (1.0, [1])])
def test_one_of_lets_choices_pass(value, choices):
    require_one_of("kind", value, choices)


@pytest.mark.parametrize("value", [True, 5, "4", None, ["topic"]])
def test_one_of_refuses_the_rest(value):
    with pytest.raises(UnknownName, match=r"^kind: .* is not known.* Known: 1, 4\.$"):
        require_one_of("kind", value, (1, 4))


@pytest.mark.parametrize("check", [require_positive, require_fraction, require_integer])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(check, value):
    with pytest.raises(BadInput, match=r"^lr must be .*, not .*\. Take 1e-4\.$"):
        check("lr", value, hint="Take 1e-4.")


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_the_bounds_are_those_of_arithmetic(value):
    for check, passes in [
        (require_positive, value > 0),
        (require_fraction, 0 < value < 1),
        (require_integer, isinstance(value, int)),
    ]:
        assert _accepts(check, value) == passes
    assert _accepts(require_positive, value, zero_allowed=True) == (value >= 0)


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("one", [True, False])
def test_a_fraction_includes_the_ends_it_is_told_to(zero, one):
    ends = {"zero_allowed": zero, "one_allowed": one}
    assert [_accepts(require_fraction, end, **ends) for end in (0, 1)] == [zero, one]
    assert _accepts(require_fraction, np.float32(0.5), **ends)


def test_an_integer_has_bounds():
    bounds = {"minimum": 2, "maximum": 8}
    accepted = [n for n in range(12) if _accepts(require_integer, np.int64(n), **bounds)]
    assert accepted == list(range(2, 9))
    with pytest.raises(BadInput, match=re.escape("steps must be an integer, 1 or above, not 0.")):
        require_integer("steps", 0, minimum=1)
    with pytest.raises(BadInput, match=re.escape("steps must be an integer, not 3.0.")):
        require_integer("steps", 3.0)


def _accepts(check, value, **options):
    try:
        check("value", value, **options)
    except BadInput:
        return False
    return True
