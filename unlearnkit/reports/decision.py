"""Are there runs enough to say whether one grade survives better than another, at one depth?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unlearnkit.reports.collected import Arm, Problem
from unlearnkit.reports.fields import Row, met, number
from unlearnkit.studies.intervals import Interval, by_fold
from unlearnkit.unlearning.status import DEPTH_BAND

# What the claims ledger (data/claims.yaml) wants before it says anything: "undecided when fewer than 3
# problems or 5 seeds have a value".
FEWEST_FOLDS, FEWEST_SEEDS = 3, 5
MATCHED = "forgotten"  # the status of runs within the band around the control's depth
VERDICTS = ("survived", "recovered")
REFERENCE = "adam"  # what others are compared with, where it is there: the usual first order


@dataclass(frozen=True)
class Contrast:
    """One arm less another, both at the control's depth, under one attack.

    Attributes
    ----------
    attack, coarse, fine : str
        The attack and the arms' names.
    recovery : Interval
        Difference in recovery, the larger of shown and held out, paired by fold and seed; mean over folds.
        Negative: less came back from `coarse`.
    depth : Interval
        The same difference in depth, as a multiple of the control's.
    cost : Interval
        The ratio of their costs in forward-equivalents.
    seeds : int
        Seeds on the fold that has fewest.
    """

    attack: str
    coarse: str
    fine: str
    recovery: Interval
    depth: Interval
    cost: Interval
    seeds: int

    @property
    def enough(self) -> bool:
        """Whether there are folds and seeds enough to say anything."""
        return self.recovery.n >= FEWEST_FOLDS and self.seeds >= FEWEST_SEEDS

    def sentence(self) -> str:
        """In words, with the reason where it decides nothing."""
        wanted = f"{FEWEST_FOLDS} folds and {FEWEST_SEEDS} seeds"
        have = f"{_many(self.recovery.n, 'fold')}, {_many(self.seeds, 'seed')}"
        if not self.enough:
            said = f"too few to decide ({have}; {wanted} are needed)"
        elif not self.recovery.excludes(0.0):
            said = "undecided: the interval holds 0"
        else:
            said = "less came back" if self.recovery.mean < 0 else "more came back"
        return (
            f"{self.attack}, {self.coarse} less {self.fine}: recovery {self.recovery.text()}, at "
            f"{self.cost.mean:.1f} times the cost; depth differs by {self.depth.text()}; {said}."
        )


def contrasts(problem: Problem) -> list[Contrast]:
    """Every arm at the control's depth, less the reference arm: only what both have, fold by fold.

    The reference is adam, or else the first in the order of grades. Arms of its own grade are left out.
    """
    arms = [arm for arm in problem.arms if arm.status == MATCHED]
    if not arms:
        return []
    fine = next((arm for arm in arms if arm.optimizer == REFERENCE), arms[0])
    others = [arm for arm in arms if arm.grade != fine.grade]
    found = (_contrast(problem, label, arm, fine) for label in problem.hardest for arm in others)
    return [contrast for contrast in found if contrast is not None]


def decision_sentence(problem: Problem) -> str:
    """Whether these records can decide anything, and why not."""
    found = contrasts(problem)
    decided = sum(contrast.enough for contrast in found)
    if decided:
        return f"{decided} of {len(found)} comparisons at one depth have folds and seeds enough to be read."
    if found:
        folds = max(contrast.recovery.n for contrast in found)
        return (
            f"Too few to decide: grades meet at the control’s depth on {_many(folds, 'fold')} at most, with "
            f"{_many(max(contrast.seeds for contrast in found), 'seed')}; "
            f"{FEWEST_FOLDS} folds and {FEWEST_SEEDS} seeds are needed."
        )
    return _why_none(problem)


def _why_none(problem: Problem) -> str:
    grades = sorted({arm.grade for arm in problem.arms if arm.status == MATCHED})
    band = f"within {DEPTH_BAND:.0%} of the control’s depth"
    if not grades:
        why = f"no run stopped {band} with its knowledge gone"
    elif len(grades) == 1:
        why = f"only one grade ({grades[0]}) has runs {band}"
    else:
        why = "no two grades have attacked runs at the control’s depth on the same fold and seed"
    return f"Too few to decide: {why}, so nothing says which grade survives better."


def _contrast(problem: Problem, label: str, coarse: Arm, fine: Arm) -> Contrast | None:
    pairs = list(_pairs(coarse, fine, label))
    if not pairs:
        return None
    seeds = [
        len({a["seed"] for a, _ in pairs if a["fold"] == fold}) for fold in {a["fold"] for a, _ in pairs}
    ]
    return Contrast(
        label,
        coarse.name,
        fine.name,
        by_fold((a["fold"], worst(a, label) - worst(b, label)) for a, b in pairs),
        by_fold((a["fold"], problem.depth(a) - problem.depth(b)) for a, b in pairs),
        by_fold((a["fold"], _cost(a) / _cost(b)) for a, b in pairs if _cost(b) > 0),
        min(seeds),
    )


def _pairs(coarse: Arm, fine: Arm, label: str) -> Iterator[tuple[Row, Row]]:
    """Runs of one fold and seed in both arms, where both have a verdict under the attack."""
    there = {(run["fold"], run.get("seed")): run for run in fine.runs if _judged(run, label)}
    for run in coarse.runs:
        other = there.get((run["fold"], run.get("seed")))
        if other is not None and _judged(run, label):
            yield run, other


def _judged(run: Row, label: str) -> bool:
    return (met(run, label) or {}).get("outcome") in VERDICTS


def worst(run: Row, label: str) -> float:
    """The larger of shown and held-out recovery, which the margin of survival is for; NaN where unknown."""
    attack = met(run, label) or {}
    return max(number(attack, "recovery", half) for half in ("shown", "heldout"))


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _cost(run: Row) -> float:
    return number(run, "cost", "forward_equivalents")
