"""Which runs: conditions as SQL with parameters, never with what a user wrote in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unlearnkit.attacks.outcomes import OUTCOMES
from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.records.rows import LONGEST_NOTE, check_text
from unlearnkit.unlearning.status import STATUSES

Choice = str | Sequence[str] | None


@dataclass(frozen=True)
class Filters:
    """One value a filter, or several of which any will do; None lets all pass.

    `controls` adds the controls of the same task and fold, whatever the other filters say of runs.
    """

    tag: Choice = None
    optimizer: Choice = None
    outcome: Choice = None
    task: Choice = None
    objective: Choice = None
    fold: int | Sequence[int] | None = None
    status: Choice = None
    controls: bool = False

    def where(self, *, of_attacks: bool = False) -> tuple[str, list[Any]]:
        """A condition on the table of runs, and its parameters.

        With `of_attacks` the outcome is asked of the table of attacks itself.
        """
        both = [self._in("task"), self._in("fold")]
        runs = [("control IS NULL", []), *(self._in(name) for name in ("optimizer", "objective", "status"))]
        runs += [self._tagged(), self._with_outcome(of_attacks)]
        shared, runs_only = _all(both), _all(runs)
        if not self.controls:
            return _all([shared, runs_only])
        either = f"({runs_only[0]} OR control IS NOT NULL)"
        return _all([shared, (either, runs_only[1])])

    def _in(self, name: str, column: str = "") -> tuple[str, list[Any]]:
        values = several(name, getattr(self, name))
        return _among(column or f"runs.{name}", values)

    def _tagged(self) -> tuple[str, list[Any]]:
        values = several("tag", self.tag)
        if values is None:
            return "1", []
        condition, parameters = _among("t.tag", values)
        return f"EXISTS (SELECT 1 FROM tags AS t WHERE t.run = runs.id AND {condition})", parameters

    def _with_outcome(self, of_attacks: bool) -> tuple[str, list[Any]]:
        values = several("outcome", self.outcome)
        if values is None:
            return "1", []
        condition, parameters = _among("attacks.outcome" if of_attacks else "a.outcome", values)
        if of_attacks:
            return condition, parameters
        return f"EXISTS (SELECT 1 FROM attacks AS a WHERE a.run = runs.id AND {condition})", parameters


def several(name: str, given: Any) -> list[Any] | None:
    """A filter's values as a list, each checked; None where it lets all pass."""
    if given is None:
        return None
    values = list(given) if isinstance(given, list | tuple | set | frozenset) else [given]
    for value in values:
        if name == "fold":
            require_integer(name, value)
            continue
        check_text(name, value, longest=LONGEST_NOTE)
        fixed = {"outcome": OUTCOMES, "status": STATUSES}.get(name)
        if fixed is not None:
            require_one_of(name, value, fixed)
    return values


def limited(limit: int | None) -> int:
    """A limit for SQL; -1 lets all pass."""
    if limit is None:
        return -1
    require_integer("limit", limit, minimum=0)
    return int(limit)


def _among(column: str, values: list[Any] | None) -> tuple[str, list[Any]]:
    if values is None:
        return "1", []
    if len(values) > 500:
        raise BadInput(f"{column.rpartition('.')[2]}: {len(values)} values are given; give at most 500")
    if len(values) == 1:  # as an equality, so that an index also gives the order
        return f"{column} = ?", values
    return f"{column} IN ({', '.join('?' * len(values))})", values


def _all(parts: list[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    conditions = [condition for condition, _ in parts if condition != "1"]
    parameters = [value for _, values in parts for value in values]
    return " AND ".join(conditions) or "1", parameters
