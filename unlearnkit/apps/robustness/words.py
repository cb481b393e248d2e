"""The figure's twin in words and tables, for readers who cannot see it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unlearnkit.apps.robustness.model import Level, Line, Shown
from unlearnkit.attacks.outcomes import RECOVERY_MARGIN

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("runs", "folds", "depth", "recovery", "knows after", "keeps before", "keeps after")


def robustness_sentence(shown: Shown) -> str:
    """What the figure shows: the attack, the control, and where each mean lies against the margin."""
    choice = shown.choice
    place = f"{choice.task} task, {choice.objective}"
    if not shown.lines:
        return f"After {shown.attack} ({place}): no run is left to show. {_left_out(shown)}".strip()
    sides = [_side(line) for line in shown.lines]
    return (
        f"After {shown.attack} ({place}), of the {choice.facts} facts never_learned knows "
        f"{_level(shown.control)}. Recovery beyond it, as mean over folds [95 % t interval]: "
        f"{'; '.join(sides)}. The margin of survival is {RECOVERY_MARGIN:.2f}. "
        f"{_in_no_mean(shown)}{_left_out(shown)}"
    ).strip()


def robustness_rows(shown: Shown) -> list[dict[str, Any]]:
    """A row a line of the figure, in text."""
    return [
        {
            "optimizer": line.name,
            "runs": line.runs,
            "folds": line.recovery.n,
            "depth": _number(line.depth, ".2f"),
            "recovery": line.recovery.text(),
            "knows after": line.knowledge.text(".2f"),
            "keeps after": line.retain.text(".2f"),
            "outcomes": _counts(line.outcomes),
        }
        for line in shown.lines
    ]


def run_rows(shown: Shown, *, most: int) -> list[dict[str, Any]]:
    """A row a run, in text, for so many at most."""
    return [
        {
            "run": run["run_id"],
            "optimizer": run["optimizer"],
            "lr": f"{run['lr']:g}",
            "fold": run["fold"],
            "seed": run["seed"],
            "status": run["status"],
            "depth": _number(run["depth"], ".2f"),
            "recovery": _number(run["recovery"], "+.2f"),
            "knows after": _number(run["knowledge"], ".2f"),
            "keeps before": _number(run["retain_before"], ".2f"),
            "keeps after": _number(run["retain"], ".2f"),
            "outcome": run["outcome"],
        }
        for run in shown.runs.head(most).to_dict("records")
    ]


def run_name(run: dict[Any, Any]) -> str:
    """A run in a list of runs."""
    return (
        f"{run['optimizer']}, lr {run['lr']:g}, fold {run['fold']}, seed {run['seed']}: "
        f"{run['status']}, {run['outcome']} ({run['run_id'][:6]})"
    )


def to_frame(shown: Shown) -> pd.DataFrame:
    """The runs with what was chosen, as they are written to a CSV file."""
    choice = shown.choice
    same = {"task": choice.task, "objective": choice.objective, "facts": choice.facts, "steps": choice.steps}
    return shown.runs.drop(columns="line").assign(**same, matching=choice.matching)


def _side(line: Line) -> str:
    found = line.recovery
    if not found.n:
        return f"{line.name} has no run that can be judged ({_counts(line.outcomes)})"
    told = f"{line.name} {found.text()}"
    if "no power" in line.outcomes:
        return f"{told}, which proves nothing: this attack was not seen to have power"
    if math.isnan(found.low):
        return told
    if not found.excludes(RECOVERY_MARGIN):
        return f"{told}, undecided"
    return f"{told}, {'above' if found.low > RECOVERY_MARGIN else 'below'} the margin"


def _level(level: Level) -> str:
    if not level.n:
        return "an unknown share, since no control met this attack"
    if level.n == 1 or level.low == level.high:
        return f"{level.mean:.0%}"
    return f"{level.mean:.0%} ({level.low:.0%} to {level.high:.0%} over {level.n} folds)"


def _in_no_mean(shown: Shown) -> str:
    found: Counter[str] = Counter()
    for line in shown.lines:
        found.update(line.in_no_mean)
    return f"Runs in no mean: {_counts(found)}. " if found else ""


def _counts(words: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in words.items())


def _left_out(shown: Shown) -> str:
    told = [f"{count} ({why})" for why, count in shown.left_out.items()]
    return f"Runs left out: {', '.join(told)}." if told else ""


def _number(value: float | None, form: str) -> str | None:
    return None if value is None or math.isnan(value) else f"{value:{form}}"
