"""Tables of the page: captions, heads and cells, all text escaped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from unlearnkit.reports.fields import Row
from unlearnkit.studies.attacked import rate_text
from unlearnkit.studies.intervals import Interval
from unlearnkit.studies.table import MARKS

NOTHING = Markup('<span class="nothing" title="not recorded">–</span>')
OUTCOME_CLASSES = {
    "survived": "survived", "recovered": "recovered", "destroyed": "destroyed", "no power": "unknown",
    "not applicable": "unknown",
}  # fmt: skip
STATUS_CLASSES = {
    "forgotten": "survived", "over-forgotten": "deep", "destroyed": "destroyed", "diverged": "destroyed",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A head. `small`: more words below it. `text`: its cells are words, and stand to the left."""

    head: str
    small: str = ""
    text: bool = False


@dataclass(frozen=True)
class Block:
    """Rows under a heading of their own, which may be empty. Each row's first cell is its head."""

    heading: str
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Table:
    """A table as the template draws it. Cells are Markup, or text that the template escapes."""

    caption: str
    columns: Sequence[Column]
    blocks: Sequence[Block] = field(default_factory=list)
    note: str = ""

    @property
    def empty(self) -> bool:
        """Whether it has no row."""
        return not any(block.rows for block in self.blocks)


def outcome_chip(outcome: str | None, *, count: int | None = None) -> Markup:
    """An outcome with its mark, so that it can be told without colour."""
    if outcome is None:
        return NOTHING
    kind = OUTCOME_CLASSES.get(outcome, "unknown")
    many = "" if count is None else f"{count} "
    return Markup('<span class="chip {}"><span aria-hidden="true">{}</span> {}{}</span>').format(
        kind, MARKS.get(outcome, "·"), many, outcome
    )


def status_chip(status: str, *, count: int | None = None) -> Markup:
    """A run's status."""
    many = "" if count is None else f"{count} "
    return Markup('<span class="chip {}">{}{}</span>').format(
        STATUS_CLASSES.get(status, "unknown"), many, status
    )


def counted_chips(outcomes: Iterable[str | None]) -> Markup:
    """How often each outcome came, known outcomes first and in their order."""
    counts = Counter(outcomes)
    missing = counts.pop(None, 0)
    order = [*MARKS, *(name for name in counts if name not in MARKS)]
    chips = [outcome_chip(name, count=counts[name]) for name in order if counts[name]]
    if missing:
        chips.append(Markup('<span class="nothing">{} not attacked so</span>').format(missing))
    return Markup(" ").join(chips) if chips else NOTHING


def plain(value: float, form: str = ".2f") -> Markup:
    """A number; a dash where it is missing."""
    return NOTHING if math.isnan(value) else Markup(escape(_minus(f"{value:{form}}")))


def spread(found: Interval, form: str = ".2f") -> Markup:
    """A mean, and its interval where several folds give one."""
    if not found.n:
        return NOTHING
    mean = _minus(f"{found.mean:{form}}")
    if math.isnan(found.low):
        return Markup(escape(mean))
    low, high = (_minus(f"{bound:{form}}") for bound in (found.low, found.high))
    return Markup('{} <span class="interval">[{}, {}]</span>').format(mean, low, high)


def learning_rate(lr: Any) -> Any:
    """A learning rate as one writes it; anything else as it is."""
    return rate_text(lr) if isinstance(lr, int | float) else str(lr)


def steps_text(runs: Sequence[Row]) -> str:
    """The steps of runs, as a range where they differ."""
    steps = sorted({run["steps"] for run in runs if isinstance(run.get("steps"), int)})
    if not steps:
        return "–"
    return f"{steps[0]}" if len(steps) == 1 else f"{steps[0]}–{steps[-1]}"


def folds_text(folds: Sequence[Any]) -> str:
    """Folds in words."""
    return f"fold{'s' * (len(folds) != 1)} {', '.join(map(str, folds))}"


def runs_text(count: int) -> str:
    """A number of runs in words."""
    return f"{count} run{'s' * (count != 1)}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
