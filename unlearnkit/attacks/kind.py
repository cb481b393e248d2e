"""What every attack says of itself: how it is written, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.testbeds.testbed import Testbed

Params = tuple[tuple[str, Any], ...]
Apply = Callable[[Any, Testbed, int, dict[str, Any]], Any]
Run = Callable[[Any, Testbed, Sequence[Params], int], Iterator[tuple[Params, Any]]]

COUNT = r"[0-9]+"
NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
WORD = r"[a-z][a-z0-9-]*"


def as_it_is(lab: Testbed) -> Testbed:
    """The testbed that most attacks are scored on: the one that was given."""
    return lab


@dataclass(frozen=True)
class AttackKind:
    """One line of the table of attacks.

    Attributes
    ----------
    name : str
    forms : str
        How it is written, for messages: "noise-SIGMA".
    pattern : str
        A regular expression with named groups that all of what is written must match.
    read : callable
        Named groups (None where one is missing) to parameters; raises BadInput.
    write : callable
        Parameters back to what is written.
    run : callable
        Model, testbed, parameters of several such attacks, seed; yields (parameters, attacked model).
        The model never changes.
    testbed : callable
        The testbed to score the attacked model on.
    """

    name: str
    forms: str
    pattern: str
    read: Callable[[Mapping[str, str | None]], Params]
    write: Callable[[Mapping[str, Any]], str]
    run: Run
    testbed: Callable[[Testbed], Testbed] = as_it_is

    def match(self, text: str) -> re.Match[str] | None:
        """The parts of a text in this attack's form."""
        return re.fullmatch(self.pattern, text, flags=re.ASCII)


def one_by_one(apply: Apply) -> Run:
    """Run an attack once for each of its settings."""

    def run(model: Any, lab: Testbed, settings: Sequence[Params], seed: int) -> Iterator[tuple[Params, Any]]:
        """One after the other."""
        for params in settings:
            yield params, apply(model, lab, seed, dict(params))

    return run


def of_one_number(
    name: str, parameter: str, *, check: Callable[[str, object], None], apply: Apply
) -> AttackKind:
    """An attack with one number for a setting: "noise-0.01".

    Parameters
    ----------
    name, parameter : str
    check : callable
        Name for messages and number; raises BadInput for one that does not fit.
    apply : callable
        Model, testbed, seed and parameters to the attacked model.
    """

    def read(parts: Mapping[str, str | None]) -> Params:
        """The number, checked."""
        number = float(parts[parameter] or 0)
        check(f"attacks: {parameter}", number)
        return ((parameter, number),)

    return AttackKind(
        name=name,
        forms=f"{name}-{parameter.upper()}",
        pattern=rf"{name}-(?P<{parameter}>{NUMBER})",
        read=read,
        write=lambda params: f"{name}-{shortest(params[parameter])}",
        run=one_by_one(apply),
    )


def shortest(number: float) -> str:
    """The shortest text that reads back as the number.

    Examples
    --------
    >>> shortest(3e-4), shortest(0.00030000001)
    ('0.0003', '0.00030000001')
    """
    text = f"{number:g}"
    return text if float(text) == number else repr(number)
