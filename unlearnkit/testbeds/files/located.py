"""What a folder of benchmark files holds, before a tokenizer has seen it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearnkit.testbeds.rows import Row

HALVES = ("shown", "heldout")


@dataclass(frozen=True)
class Located:
    """A row, and where it stands. `half`: "shown" or "heldout" where the file says so."""

    row: Row
    place: str
    half: str = ""


LocatedRows = tuple[Located, ...]


@dataclass(frozen=True)
class Contents:
    """The parts of a testbed, row by row.

    Attributes
    ----------
    name, task : str
    forget : what must be forgotten and is trained on
    asked : what is asked about it, where that is something else: MUSE's and WMDP's questions
    sees : str
        "all" of `forget` goes to the unlearner, or the half that is "shown" only.
    retain, retain_shown, holdout, verbatim, extra
        As in `Testbed`.
    notes : tuple of str
        What is missing, and what was left alone.
    """

    name: str
    task: str
    forget: LocatedRows
    retain: LocatedRows
    asked: LocatedRows = ()
    sees: str = "all"
    retain_shown: LocatedRows | None = None
    holdout: LocatedRows = ()
    verbatim: LocatedRows = ()
    extra: Mapping[str, LocatedRows] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
