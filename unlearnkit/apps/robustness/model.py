"""From the records' frames to what is shown: runs, means over folds, the control beside them, and words."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from unlearnkit.apps.robustness.choice import FACTS, JUDGED, Choice, Options
from unlearnkit.attacks.outcomes import OUTCOMES
from unlearnkit.reports.looks import looks_of
from unlearnkit.studies.attacked import grouped, rate_text
from unlearnkit.studies.intervals import Interval, by_fold
from unlearnkit.unlearning.status import DEPTH_BAND, RETAIN_FLOOR

if TYPE_CHECKING:
    import pandas as pd

RETAIN_BAND = 0.02  # how far from the common retention a run may lie and still be matched
IN_NO_MEAN = ("destroyed", "not applicable")  # nothing of these came back, or nothing had been forgotten
OVER = "over-forgotten"
UNJUDGED = "not judged"
MEASURES = ("recovery", "knowledge", "retain")
OF_CONTROLS = (
    "nll_forget_before", "retain_before", "knowmem_forget_shown", "knowmem_forget_heldout", "knowmem_retain",
)  # fmt: skip


@dataclass(frozen=True)
class Level:
    """A control's shares over folds: mean, lowest and highest; NaN where no fold has it."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Line:
    """All chosen runs of one optimizer at one learning rate (any, at matched retention); over folds.

    Over-forgotten runs are a line of their own, whose name says so.

    Attributes
    ----------
    name, optimizer : str
    runs : int
    recovery, knowledge, retain : Interval
        After the attack: knowledge beyond never_learned's on the same fold, knowledge, and what was kept.
        A run whose outcome is "destroyed" or "not applicable" is in none of them.
    depth : float
        nll_forget before the attack, as a multiple of never_learned's; the mean of the same runs.
    outcomes : dict of str to int
    """

    name: str
    optimizer: str
    runs: int
    recovery: Interval
    knowledge: Interval
    retain: Interval
    depth: float
    outcomes: dict[str, int]

    @property
    def in_no_mean(self) -> dict[str, int]:
        """How many runs are counted apart, by outcome."""
        return {word: count for word, count in self.outcomes.items() if word in IN_NO_MEAN}


@dataclass(frozen=True, eq=False)
class Shown:
    """Everything that a view shows of one choice.

    Attributes
    ----------
    choice : Choice
    attack : str
        The attack with its budget, as the records name it.
    runs : pandas.DataFrame
        One row a run: run_id, line (its place), optimizer, lr, fold, seed, status, outcome, depth,
        retain_before, and after the attack recovery, knowledge, retain.
    lines : tuple of Line
    control, control_retain : Level
        What never_learned knows after the same attack, and what it keeps.
    floor : float
        0.8 of what the target keeps, the mean over folds; below, a run is destroyed.
    left_out : dict of str to int
        How many runs are not shown, by reason.
    """

    choice: Choice
    attack: str
    runs: pd.DataFrame
    lines: tuple[Line, ...]
    control: Level
    control_retain: Level
    floor: float
    left_out: dict[str, int]


class Robustness:
    """The records under attack; nothing of a widget is in here.

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
        self.options = Options(attacks)
        self._runs = attacks[attacks["control"].isna()]
        self._at = _by_place(self._runs, ["task", "family", "steps", "objective"])
        self._controls = {
            name: _by_place(attacks[attacks["control"] == name], ["task", "family", "steps"])
            for name in ("never_learned", "target")
        }

    def show(self, choice: Choice) -> Shown:
        """Everything that is shown of a choice.

        Matching: "none" takes every run. "depth" takes those whose nll_forget before the attack is within
        25 % of never_learned's on the same fold. "retention" takes, on every fold, the run of each optimizer
        whose knowmem_retain before the attack is nearest to the highest that all chosen optimizers reach
        there, if it is within 0.02 of it; a fold that lacks one of the optimizers is left out.
        """
        facts = FACTS[choice.facts]
        control = self._control("never_learned", choice)
        found = _frame(self._chosen(choice), control, facts)
        kept, left_out = _matched(found, choice)
        # Matched retention picks a run whatever its rate, so rates do not part what belongs together.
        lines = _lines(kept, by_rate=choice.matching != "retention")
        target = self._control("target", choice)
        return Shown(
            choice=choice,
            attack=str(kept["attack"].iloc[0]) if len(kept) else _label(choice),
            runs=kept,
            lines=lines,
            control=_level(control[f"knowmem_forget_{facts}"]),
            control_retain=_level(control["knowmem_retain"]),
            floor=RETAIN_FLOOR * float(target["retain_before"].mean()),
            left_out=left_out,
        )

    def control_of(self, run_id: str, choice: Choice) -> tuple[str, int] | None:
        """Id and seed of never_learned on a run's fold, where it met the attack with the run's seed."""
        runs, controls = self._chosen(choice), self._controls_of("never_learned", choice)
        for fold, seed in runs.loc[runs["run_id"] == run_id, ["fold", "seed"]].to_numpy():
            same = controls[(controls["fold"] == fold) & (controls["seed"] == seed)]
            return None if same.empty else (str(same["run_id"].iloc[0]), int(seed))
        return None

    def _chosen(self, choice: Choice) -> pd.DataFrame:
        runs = self._at.get((*_place(choice), choice.objective), self._runs.head(0))
        return runs[runs["fold"].isin(choice.folds) & runs["optimizer"].isin(choice.optimizers)]

    def _control(self, name: str, choice: Choice) -> pd.DataFrame:
        """One row a fold: the mean over the seeds that a control was attacked with there."""
        found = self._controls_of(name, choice)
        return found[list(OF_CONTROLS)].astype(float).groupby(found["fold"]).mean()

    def _controls_of(self, name: str, choice: Choice) -> pd.DataFrame:
        found = self._controls[name].get(_place(choice), self._runs.head(0))
        return found[found["fold"].isin(choice.folds)]


def _by_place(frame: pd.DataFrame, columns: list[str]) -> dict[tuple[Any, ...], pd.DataFrame]:
    """The frame's parts by task, attack, budget (-1: none) and so on."""
    keys = [frame[name].fillna(-1) if name == "steps" else frame[name] for name in columns]
    return {tuple(key): part for key, part in frame.groupby(keys, sort=False)}


def _place(choice: Choice) -> tuple[str, str, int]:
    return choice.task, choice.attack, -1 if choice.steps is None else choice.steps


def _label(choice: Choice) -> str:
    return choice.attack if choice.steps is None else f"{choice.attack}, {choice.steps} steps"


def _frame(runs: pd.DataFrame, control: pd.DataFrame, facts: str) -> pd.DataFrame:
    same = ["run_id", "attack", "optimizer", "grade", "lr", "fold", "seed", "status", "outcome"]
    found = runs[[*same, "retain_before"]].copy()
    nll = runs["nll_forget_before"].astype(float)
    found["depth"] = nll / runs["fold"].map(control["nll_forget_before"]).astype(float)
    found["recovery"] = runs[f"recovery_{facts}"].astype(float)
    found["knowledge"] = runs[f"knowmem_forget_{facts}"].astype(float)
    found["retain"] = runs["knowmem_retain"].astype(float)
    return found


def _matched(found: pd.DataFrame, choice: Choice) -> tuple[pd.DataFrame, dict[str, int]]:
    left_out: dict[str, int] = {}
    if choice.judged_only:
        judged = found["outcome"].isin(JUDGED)
        left_out["neither survived nor recovered"] = int((~judged).sum())
        found = found[judged]
    if choice.matching == "depth":
        near = (found["depth"] - 1).abs() <= DEPTH_BAND
        left_out[f"depth not within {DEPTH_BAND:.0%} of the control's"] = int((~near).sum())
        found = found[near]
    if choice.matching == "retention":
        near = _at_common_retention(found, choice.optimizers)
        left_out["not at the retention that all reach"] = int((~near).sum())
        found = found[near]
    return found, {why: count for why, count in left_out.items() if count}


def _at_common_retention(found: pd.DataFrame, optimizers: tuple[str, ...]) -> pd.Series[Any]:
    """Which runs to take: one an optimizer and fold, nearest to the highest retention that all reach."""
    import pandas as pd

    taken = pd.Series(False, index=found.index)
    alive = found[~found["outcome"].isin(IN_NO_MEAN)]
    for _, fold in grouped(alive, "fold"):
        best = fold.groupby("optimizer")["retain_before"].max()
        if set(best.index) < set(optimizers):
            continue
        distance = (fold["retain_before"] - best.min()).abs()
        nearest = distance.groupby(fold["optimizer"]).idxmin()
        taken.loc[[place for place in nearest if distance[place] <= RETAIN_BAND]] = True
    return taken


def _lines(found: pd.DataFrame, *, by_rate: bool) -> tuple[Line, ...]:
    """One for each optimizer, rate, and whether over-forgotten, in the order of all figures.

    `found` gets their places.
    """
    rates: dict[str, set[float]] = {}
    for optimizer, lr in zip(found["optimizer"], found["lr"], strict=True):
        rates.setdefault(optimizer, set()).update({lr} if by_rate and lr == lr else ())
    of_runs = [
        (optimizer, lr if len(rates[optimizer]) > 1 and lr == lr else None, status == OVER)
        for optimizer, lr, status in zip(found["optimizer"], found["lr"], found["status"], strict=True)
    ]
    order = {optimizer: place for place, optimizer in enumerate(looks_of(sorted(rates)))}
    keys = sorted(set(of_runs), key=lambda key: (order[key[0]], key[1] or 0.0, key[2]))
    places = {key: place for place, key in enumerate(keys)}
    found["line"] = [places[key] for key in of_runs]
    columns = (*MEASURES, "line", "fold", "outcome", "depth")
    members: list[list[dict[str, Any]]] = [[] for _ in keys]
    for values in zip(*(found[name].tolist() for name in columns), strict=True):
        run = dict(zip(columns, values, strict=True))
        members[run["line"]].append(run)
    return tuple(
        _line(_name(optimizer, lr, over), optimizer, runs)
        for (optimizer, lr, over), runs in zip(keys, members, strict=True)
    )


def _name(optimizer: str, lr: float | None, over: bool) -> str:
    named = optimizer if lr is None else f"{optimizer} {rate_text(lr)}"
    return f"{named} ({OVER})" if over else named


def _line(name: str, optimizer: str, runs: list[dict[str, Any]]) -> Line:
    meant = [run for run in runs if run["outcome"] not in IN_NO_MEAN]
    means = {measure: by_fold((run["fold"], run[measure]) for run in meant) for measure in MEASURES}
    counts = Counter(run["outcome"] if isinstance(run["outcome"], str) else UNJUDGED for run in runs)
    outcomes = {word: counts[word] for word in (*OUTCOMES, UNJUDGED) if counts[word]}
    depths = [run["depth"] for run in meant if not math.isnan(run["depth"])]
    depth = fmean(depths) if depths else math.nan
    return Line(name, optimizer, len(runs), **means, depth=depth, outcomes=outcomes)


def _level(column: pd.Series[Any]) -> Level:
    known = column.dropna().astype(float)
    if known.empty:
        return Level(math.nan, math.nan, math.nan, 0)
    return Level(float(known.mean()), float(known.min()), float(known.max()), len(known))
