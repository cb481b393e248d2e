"""What unlearnkit raises, and the small checks that raise it before any work is done.

A message names the argument, the rule, what was given, and the way out. A program that wants to catch
whatever unlearnkit refuses catches `UnlearnkitError`; bad arguments are `ValueError` too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, TypeGuard


# Errors cross process borders in parallel runs, and are rebuilt there from their message alone. So none of
# them has a constructor of its own; `unknown_name` puts the parts of its message together.
class UnlearnkitError(Exception):
    """Whatever unlearnkit refuses to do."""


class BadInput(UnlearnkitError, ValueError):
    """An argument breaks a rule; nothing was computed."""


class UnknownName(BadInput):
    """A name that no catalogue has; the message lists the nearest. Made by `unknown_name`."""


class WrongClosure(BadInput):
    """An optimizer was stepped with the kind of closure that it does not take."""


class MissingReference(UnlearnkitError):
    """Something to compare with, or to read, is not there: a control, a model, a file."""


class NotCalibrated(UnlearnkitError):
    """No learning rate is known for this objective and optimizer; the message names the command to run."""


def unknown_name(argument: str, given: object, known: Iterable[str]) -> UnknownName:
    """Build the error for a name that is not known, with the nearest names that are.

    Parameters
    ----------
    argument : str
        The argument that took the name.
    given : object
        What was given; most often a str.
    known : iterable of str
        Every name that would have done, in the order in which to list them.

    Returns
    -------
    UnknownName
        Returned and not raised, so that the caller's `raise` shows where it happened.

    Examples
    --------
    >>> print(unknown_name("optimizer", "addam", ["sgd", "adam"]))
    optimizer: "addam" is not known; did you mean "adam"? Known: sgd, adam.
    """
    names = list(known)
    nearest = get_close_matches(str(given).casefold(), names, n=1)
    hint = f'; did you mean "{nearest[0]}"?' if nearest else "."
    return UnknownName(f"{argument}: {_quoted(given)} is not known{hint} Known: {', '.join(names)}.")


def require_one_of(name: str, value: object, choices: Iterable[Any]) -> None:
    """Raise unless `value` is one of `choices`.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What was given.
    choices : iterable
        What is allowed; 4 and 4.0 count as the same, 1 and True do not.

    Raises
    ------
    UnknownName
        With the nearest choice and all others.

    Examples
    --------
    >>> require_one_of("bits", 4, (8, 4, 3, 2))
    >>> require_one_of("bits", 5, (8, 4, 3, 2))
    Traceback (most recent call last):
    unlearnkit.errors.UnknownName: bits: 5 is not known. Known: 8, 4, 3, 2.
    """
    allowed = list(choices)
    if not any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in allowed):
        raise unknown_name(name, value, [str(choice) for choice in allowed])


def require_positive(name: str, value: object, *, zero_allowed: bool = False, hint: str = "") -> None:
    """Raise unless `value` is a finite number above zero.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What was given; NaN, infinities, booleans and strings are refused.
    zero_allowed : bool
        Whether 0 passes too, as for a weight decay.
    hint : str
        The consequence and the way out, added to the message.

    Raises
    ------
    BadInput
        If it is not.

    Examples
    --------
    >>> require_positive("lr", 1e-4)
    >>> require_positive("lr", 0.0, hint="With lr=0 no weight moves.")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: lr must be a finite number above 0, not 0.0. With lr=0 no weight moves.
    """
    if not (_is_finite(value) and (value > 0 or (zero_allowed and value == 0))):
        rule = "a finite number, 0 or above" if zero_allowed else "a finite number above 0"
        raise _broken_rule(name, rule, value, hint)


def require_fraction(
    name: str, value: object, *, zero_allowed: bool = False, one_allowed: bool = False, hint: str = ""
) -> None:
    """Raise unless `value` lies between 0 and 1.

    As it stands it fits a level such as alpha; a decay rate such as momentum may be 0, a share may be 1.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What was given.
    zero_allowed, one_allowed : bool
        Whether the ends themselves pass.
    hint : str
        The consequence and the way out, added to the message.

    Raises
    ------
    BadInput
        If it does not.

    Examples
    --------
    >>> require_fraction("momentum", 0, zero_allowed=True)
    >>> require_fraction("alpha", 5)
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: alpha must be between 0 (excluded) and 1 (excluded), not 5.
    """
    above = _is_finite(value) and (value > 0 or (zero_allowed and value == 0))
    below = _is_finite(value) and (value < 1 or (one_allowed and value == 1))
    if not (above and below):
        zero, one = ("included" if allowed else "excluded" for allowed in (zero_allowed, one_allowed))
        raise _broken_rule(name, f"between 0 ({zero}) and 1 ({one})", value, hint)


def require_integer(
    name: str, value: object, *, minimum: int | None = None, maximum: int | None = None, hint: str = ""
) -> None:
    """Raise unless `value` is a whole number within its bounds.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What was given; NumPy's integers pass, booleans and 3.0 do not.
    minimum, maximum : int, optional
        The smallest and the largest that are allowed.
    hint : str
        The consequence and the way out, added to the message.

    Raises
    ------
    BadInput
        If it is not.

    Examples
    --------
    >>> require_integer("steps", 100, minimum=1)
    >>> require_integer("bits", 16, minimum=2, maximum=8)
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: bits must be an integer, 2 or above, 8 or below, not 16.
    """
    low_enough = _is_integer(value) and (maximum is None or value <= maximum)
    high_enough = _is_integer(value) and (minimum is None or value >= minimum)
    if not (low_enough and high_enough):
        at_least = "" if minimum is None else f", {minimum} or above"
        at_most = "" if maximum is None else f", {maximum} or below"
        raise _broken_rule(name, f"an integer{at_least}{at_most}", value, hint)


def _broken_rule(name: str, rule: str, value: object, hint: str) -> BadInput:
    return BadInput(f"{name} must be {rule}, not {_quoted(value)}. {hint}".rstrip())


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
