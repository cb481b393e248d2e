"""Which questions KnowMem asks, and which stand before them as examples."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.metrics.muse.knowmem import PAIRS
from unlearnkit.randomness import generator
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed


@dataclass(frozen=True)
class Examples:
    """One side's questions and examples, and where the examples come from, in words."""

    side: str
    questions: tuple[Question, ...]
    pairs: tuple[Question, ...]
    source: str

    def note(self, used: int) -> str:
        """How many examples stood before each question."""
        fewer = (
            "" if used == len(self.pairs) else f" of {len(self.pairs)}, since the model has no more positions"
        )
        return f"KnowMem {self.side}: {used} examples{fewer} before each question; {self.source}"


def examples_of(lab: Testbed, side: str, *, pairs: int | None, seed: int) -> Examples:
    """The open-class questions of a side, "forget" or "retain", and the examples before them.

    Parameters
    ----------
    pairs : int, optional
        As in `evaluate_muse`.

    Raises
    ------
    MissingReference
        When the side has no question.
    BadInput
        When more examples are asked for than there are.
    """
    splits = (lab.forget_shown, lab.forget_heldout) if side == "forget" else (lab.retain,)
    asked = tuple(q for split in splits for q in split.questions if q.open_class)
    if not asked:
        raise MissingReference(
            f"testbed {lab.name!r} has no {side} questions, so there is no KnowMem to take"
        )
    name = f"knowmem_{side}_icl"
    if name in lab.extra:
        brought = lab.extra[name].questions
        count = min(PAIRS, len(brought)) if pairs is None else pairs
        _check(count, len(brought), f"the testbed's {name}")
        return Examples(side, asked, brought[:count], f"from {name}")
    if not pairs:
        return Examples(side, asked, (), "the testbed brings none")
    drawn = _drawn(lab, pairs, seed)
    left = tuple(q for q in asked if q not in drawn)
    return Examples(side, left, drawn, f"drawn from retain, seed {seed}, and not asked")


def _drawn(lab: Testbed, count: int, seed: int) -> tuple[Question, ...]:
    """Open-class retain questions; the same for both sides."""
    pool = [q for q in lab.retain.questions if q.open_class]
    _check(count, len(pool) - 1, "the retain questions (one must be left to ask)")
    order = torch.randperm(len(pool), generator=generator(seed, "in-context pairs")).tolist()
    return tuple(pool[i] for i in order[:count])


def _check(count: int, available: int, where: str) -> None:
    if count > available:
        raise BadInput(f"pairs: {count} examples asked for, but {where} are {available}; ask for fewer")
