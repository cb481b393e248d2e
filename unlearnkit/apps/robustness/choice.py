"""What a reader chose to see of the records, kept to what the records have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput, unknown_name
from unlearnkit.reports.looks import looks_of

if TYPE_CHECKING:
    import pandas as pd

MATCHING = ("none", "depth", "retention")
JUDGED = ("survived", "recovered")
FACTS = {"held-out": "heldout", "shown": "shown"}  # as one reads it: as columns have it
NEEDED = (
    "run_id", "control", "task", "fold", "objective", "optimizer", "grade", "lr", "seed", "status",
    "nll_forget_before", "retain_before", "attack", "family", "steps", "knowmem_forget_shown",
    "knowmem_forget_heldout", "knowmem_retain", "recovery_shown", "recovery_heldout", "outcome",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One view of the records.

    Attributes
    ----------
    task, objective : str
    attack : str
        A family: the attack's short form without its budget, such as "relearn@3e-4" or "quantize-4".
    steps : int or None
        The budget; None for an attack that has none.
    optimizers : tuple of str
    folds : tuple of int
    matching : {"none", "depth", "retention"}
        Which runs are compared; see `Robustness.show`.
    facts : {"held-out", "shown"}
        Whether recovery is of the facts that the attack never showed, or of those it did.
    judged_only : bool
        Whether to leave out runs whose outcome is neither "survived" nor "recovered".
    """

    task: str
    objective: str
    attack: str
    steps: int | None
    optimizers: tuple[str, ...]
    folds: tuple[int, ...]
    matching: str = "none"
    facts: str = "held-out"
    judged_only: bool = False


class Options:
    """What there is to choose from: the runs under attack, by task, objective and attack.

    Parameters
    ----------
    attacks : pandas.DataFrame
        What `store.attacks(controls=True)` gives.

    Raises
    ------
    BadInput
        When a column is missing, or there is no run under attack.
    """

    def __init__(self, attacks: pd.DataFrame) -> None:
        missing = [name for name in NEEDED if name not in attacks]
        if missing:
            raise BadInput(
                f"attacks: no column {', '.join(missing)}; give what store.attacks(controls=True) returns"
            )
        runs = attacks[attacks["control"].isna()]
        if runs.empty:
            raise BadInput(
                "store: it has no run under attack, so there is nothing to show; add the content of a "
                "results.json with store.add_results, or take uk.records.default_store()"
            )
        columns = ["task", "objective", "family", "steps", "optimizer", "fold"]
        self._seen = runs[columns].drop_duplicates()
        self._tasks = _most_judged(runs, "task")
        parts = runs.groupby("task")
        self._objectives = {task: _most_judged(mine, "objective") for task, mine in parts}

    def tasks(self) -> list[str]:
        """Tasks, the one with most attacks that a run survived or recovered from first."""
        return self._tasks

    def objectives(self, task: str) -> list[str]:
        """Objectives of a task, in the same order."""
        return self._objectives[task]

    def attacks(self, task: str, objective: str) -> list[str]:
        """Families of attacks; relearning first, since it can be seen at several budgets."""
        found = sorted(set(self._where(task, objective)["family"]))
        return sorted(found, key=lambda name: not name.startswith("relearn"))

    def budgets(self, task: str, objective: str, attack: str) -> list[int | None]:
        """Budgets of a family in relearning steps, ascending; [None] where it has none."""
        seen = self._where(task, objective, attack)["steps"]
        found: list[int | None] = [*sorted({int(steps) for steps in seen.dropna()})]
        return found or [None]

    def optimizers(self, task: str, objective: str, attack: str) -> list[str]:
        """Optimizers, in the order of every figure."""
        return list(looks_of(sorted(set(self._where(task, objective, attack)["optimizer"]))))

    def folds(self, task: str, objective: str, attack: str) -> list[int]:
        """Folds, ascending."""
        return sorted({int(fold) for fold in self._where(task, objective, attack)["fold"]})

    def of(self, choice: Choice) -> dict[str, list[Any]]:
        """Everything that each field of a choice could be, given those before it."""
        place = (choice.task, choice.objective, choice.attack)
        return {
            "task": self.tasks(),
            "objective": self.objectives(choice.task),
            "attack": self.attacks(choice.task, choice.objective),
            "steps": self.budgets(*place),
            "optimizers": self.optimizers(*place),
            "folds": self.folds(*place),
            "matching": list(MATCHING),
            "facts": list(FACTS),
            "judged_only": [False, True],
        }

    def first(self) -> Choice:
        """The choice to begin with: the part of which most can be said, all of it, at the largest budget."""
        task = self.tasks()[0]
        objective = self.objectives(task)[0]
        attack = self.attacks(task, objective)[0]
        place = (task, objective, attack)
        return Choice(
            *place, self.budgets(*place)[-1], tuple(self.optimizers(*place)), tuple(self.folds(*place))
        )

    def changed(self, choice: Choice, **changes: Any) -> Choice:
        """The choice with some fields changed, and the others kept to what there then is.

        Raises
        ------
        UnknownName, BadInput
            For a field, or a value of one, that there is not.
        """
        known = [field.name for field in fields(Choice)]
        for name in changes:
            if name not in known:
                raise unknown_name("choose", name, known)
        settled = self._settle(choice, replace(choice, **changes), tuple(changes))
        options = self.of(settled)
        for name, given in changes.items():
            _require(name, given, options[name])
        return settled

    def renewed(self, choice: Choice, *, since: Options) -> Choice:
        """The choice kept to what there is now; who saw all that there was sees all that there is."""
        return self._settle(choice, choice, (), before=since.of(choice))

    def _settle(
        self, old: Choice, new: Choice, given: tuple[str, ...], *, before: dict[str, list[Any]] | None = None
    ) -> Choice:
        """Keep what still exists, from the task down; whoever saw all of something goes on seeing all."""
        task = new.task if new.task in self.tasks() else self.tasks()[0]
        objective = _kept(new.objective, self.objectives(task))
        attack = _kept(new.attack, self.attacks(task, objective))
        budgets = self.budgets(task, objective, attack)
        steps = new.steps if new.steps in budgets else budgets[-1]
        new = replace(new, task=task, objective=objective, attack=attack, steps=steps)
        before, after = before or self.of(old), self.of(new)
        for name in ("optimizers", "folds"):
            chosen = tuple(getattr(new, name))
            saw_all = name not in given and set(chosen) >= set(before[name])
            kept = tuple(one for one in after[name] if one in chosen)
            all_gone = chosen and not kept
            settled: dict[str, Any] = {name: tuple(after[name]) if saw_all or all_gone else kept}
            new = replace(new, **settled)
        return new

    def _where(self, task: str, objective: str, attack: str | None = None) -> pd.DataFrame:
        seen = self._seen
        mine = seen[(seen["task"] == task) & (seen["objective"] == objective)]
        return mine if attack is None else mine[mine["family"] == attack]


def _kept(value: str, options: list[str]) -> str:
    return value if value in options else options[0]


def _most_judged(runs: pd.DataFrame, column: str) -> list[str]:
    """A column's names: most judged attacks first, then most attacks."""
    judged = Counter(runs[column][runs["outcome"].isin(JUDGED)])
    counts = Counter(runs[column])
    return sorted(counts, key=lambda name: (-judged[name], -counts[name], name))


def _require(name: str, given: Any, options: list[Any]) -> None:
    """Raise unless a value, or each of several, is among the options."""
    for one in given if name in ("optimizers", "folds") else [given]:
        if one not in options:
            raise unknown_name(name, one, map(str, options))
