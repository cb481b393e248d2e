"""Does the step size explain what the grade is said to explain? Differences paired by fold.

The study stops Adam and signAdam, at several learning rates, at the depth of never_learned. Folds are the
independent units; a fold seen with several seeds counts once, by its mean.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearnkit.errors import BadInput
from unlearnkit.studies.attacked import Study, attacked_frame, grouped, rate_text
from unlearnkit.studies.intervals import Interval, over_folds

if TYPE_CHECKING:
    import pandas as pd

PAIR = ("adam", "signadam")  # differences are the second minus the first
MEASURES = ("heldout", "retain", "depth")
Fold = Mapping[str, float]  # lr, heldout, retain, depth: one run of a fold
FoldRuns = Mapping[int, Mapping[float, Fold]]  # fold, learning rate


@dataclass(frozen=True)
class Contrast:
    """A difference between two runs of the same fold, with its mean over folds.

    Attributes
    ----------
    task : str
    reading : str
        "best retention", "matched retention", or "largest - smallest lr, " and an optimizer.
    what : str
        What is subtracted from what.
    folds : tuple of int
        The folds that have both.
    heldout, retain, depth : Interval
        The difference in held-out recovery (above 0: more came back), in knowmem_retain before the attack
        (above 0: more was kept), and in depth, as multiples of never_learned's nll_forget. Depths match to
        within one look at the run; where this differs from 0, the difference in recovery is in part one of
        depth.
    """

    task: str
    reading: str
    what: str
    folds: tuple[int, ...]
    heldout: Interval
    retain: Interval
    depth: Interval

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        intervals = {name: getattr(self, name).to_dict() for name in MEASURES}
        return asdict(self) | {"folds": list(self.folds), **intervals}


@dataclass(frozen=True)
class StepSizeAnswer:
    """What `step_size_answer` found, one contrast a task and reading.

    Intervals are 95 % each, not corrected for how many there are. One that holds 0 does not show that there
    is no difference: it shows which differences cannot be excluded.
    """

    attack: str
    contrasts: tuple[Contrast, ...]

    def of(self, task: str, reading: str) -> Contrast:
        """The contrast of a task and a reading; raises BadInput where there is none."""
        for contrast in self.contrasts:
            if (contrast.task, contrast.reading) == (task, reading):
                return contrast
        listed = "; ".join(f"{c.task}: {c.reading}" for c in self.contrasts)
        raise BadInput(f'reading: there is no "{reading}" of task "{task}"; there are {listed}')

    def to_frame(self) -> pd.DataFrame:
        """A row a contrast, with the intervals in words."""
        import pandas as pd

        return pd.DataFrame([
            {"task": c.task, "reading": c.reading, "difference": c.what, "n folds": len(c.folds)}
            | {name: getattr(c, name).text() for name in MEASURES}
            for c in self.contrasts
        ])  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"attack": self.attack, "contrasts": [c.to_dict() for c in self.contrasts]}

    def _repr_html_(self) -> str:
        return f"<p>After {self.attack}:</p>{self.to_frame().to_html(index=False)}"


def step_size_answer(
    study: Study, attack: str, *, calibrated: Mapping[str, Mapping[str, float]] | None = None
) -> StepSizeAnswer:
    """Held-out recovery at matched depth: what the optimizer changes, and what the learning rate does.

    Within every fold a difference is taken, then the mean of these over folds with Student's t interval.
    For each task:

    - "best retention": signAdam − Adam, each at one learning rate, the same in all folds: the calibrated one
      where given, else, among the rates that reached the depth in more than half of the folds, the one whose
      mean knowmem_retain is highest (equal to two decimals: the larger rate, as calibration has it). What is
      chosen is retention, what is compared is recovery.
    - "matched retention": signAdam − Adam at one retention. In each fold an optimizer's runs, ordered by
      retention, are joined by straight lines (runs of equal retention by their mean); both are read at the
      highest retention that both reach, the smaller of the two maxima. A fold where this lies below all of
      the other's runs is left out: nothing is extrapolated.
    - "largest - smallest lr, adam" (and signadam): the same optimizer at the largest and the smallest of
      the learning rates that reached the depth in more than half of the folds.

    A grade that adds something to what retention costs shows as a "matched retention" away from 0; a
    learning rate that matters shows in the last two readings. An interval around 0 is not a "no": its
    bounds are the differences that cannot be excluded. Runs that end "destroyed" count as they are, and an
    optimizer without a run on a task leaves that task's contrasts empty (n = 0); `step_size_table` tells of
    both.

    Parameters
    ----------
    study : mapping
        The content of step-size.json.
    attack : str
        Its short form, such as "relearn-100@3e-4".
    calibrated : mapping of task to mapping of optimizer to float, optional
        The learning rates for "best retention"; they must be among those that were run.

    Raises
    ------
    BadInput
        As `attacked_frame`; when neither optimizer has any run; for a rate that was not run.

    Examples
    --------
    >>> step_size_answer({"rows": []}, "relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no controls; give the file as the command that made it wrote it
    """
    frame = attacked_frame(study, attack)
    if not set(frame.optimizer) & set(PAIR):
        raise BadInput(f"study: neither {PAIR[0]} nor {PAIR[1]} has a run, so there is nothing to compare")
    contrasts: list[Contrast] = []
    for task in sorted(set(frame.task)):
        runs = {name: _runs(frame, task, name) for name in PAIR}
        given = (calibrated or {}).get(task, {})
        best = {name: _best_rate(task, name, runs[name], given.get(name)) for name in PAIR}
        contrasts += [_at_rates(task, runs, best), _at_retention(task, runs)]
        contrasts += [_along_rates(task, name, runs[name]) for name in PAIR]
    return StepSizeAnswer(attack, tuple(contrasts))


def _runs(frame: pd.DataFrame, task: str, optimizer: str) -> FoldRuns:
    """Fold to learning rate to measures, seeds averaged."""
    mine = frame[(frame.task == task) & (frame.optimizer == optimizer)]
    runs: dict[int, dict[float, Fold]] = {}
    for (fold, lr), same in grouped(mine, "fold", "lr"):
        runs.setdefault(int(fold), {})[float(lr)] = {name: float(same[name].mean()) for name in MEASURES}
    return runs


def _common_rates(runs: FoldRuns) -> list[float]:
    """The learning rates with a run in more than half of the folds, else in as many as any has; ascending."""
    counts = Counter(lr for rates in runs.values() for lr in rates)
    enough = min(len(runs) // 2 + 1, max(counts.values(), default=0))
    return sorted(lr for lr, count in counts.items() if count >= enough)


def _best_rate(task: str, optimizer: str, runs: FoldRuns, given: float | None) -> float:
    if not runs:
        return math.nan
    if given is None:
        means = {
            lr: np.mean([r[lr]["retain"] for r in runs.values() if lr in r]) for lr in _common_rates(runs)
        }
        return max(means, key=lambda lr: (round(float(means[lr]), 2), lr))
    tried = sorted({lr for rates in runs.values() for lr in rates})
    for lr in tried:
        if np.isclose(lr, given):
            return lr
    listed = ", ".join(map(rate_text, tried))
    raise BadInput(
        f"calibrated: {optimizer} was not run at {rate_text(given)} on task {task}; it was at {listed}"
    )


def _at_rates(task: str, runs: Mapping[str, FoldRuns], best: Mapping[str, float]) -> Contrast:
    first, second = PAIR
    both = {
        fold: (runs[first][fold][best[first]], runs[second][fold][best[second]])
        for fold in sorted(set(runs[first]) & set(runs[second]))
        if best[first] in runs[first][fold] and best[second] in runs[second][fold]
    }
    if not both:
        return _contrast(task, "best retention", f"{second} - {first}: no fold has both", {})
    what = f"{second} at {rate_text(best[second])} - {first} at {rate_text(best[first])}"
    return _contrast(task, "best retention", what, both)


def _at_retention(task: str, runs: Mapping[str, FoldRuns]) -> Contrast:
    both = {}
    for fold in sorted(set(runs[PAIR[0]]) & set(runs[PAIR[1]])):
        curves = [list(runs[name][fold].values()) for name in PAIR]
        highest = min(max(run["retain"] for run in curve) for curve in curves)
        if all(min(run["retain"] for run in curve) <= highest for curve in curves):
            both[fold] = (_read_at(curves[0], highest), _read_at(curves[1], highest))
    what = f"{PAIR[1]} - {PAIR[0]} at the highest retention that both reach"
    return _contrast(task, "matched retention", what, both)


def _read_at(curve: Sequence[Fold], retain: float) -> Fold:
    """Measures along a fold's learning rates, read off at one retention."""
    places = sorted({run["retain"] for run in curve})
    found = {
        name: float(np.interp(retain, places, [_mean_at(curve, place, name) for place in places]))
        for name in MEASURES
    }
    return found | {"retain": retain}  # not off by rounding


def _mean_at(curve: Sequence[Fold], retain: float, name: str) -> float:
    return float(np.mean([run[name] for run in curve if run["retain"] == retain]))


def _along_rates(task: str, optimizer: str, runs: FoldRuns) -> Contrast:
    reading = f"largest - smallest lr, {optimizer}"
    rates = _common_rates(runs)
    if len(rates) < 2:
        return _contrast(task, reading, f"{optimizer}: fewer than two learning rates to compare", {})
    small, large = rates[0], rates[-1]
    both = {f: (r[small], r[large]) for f, r in sorted(runs.items()) if small in r and large in r}
    what = f"{optimizer} at {rate_text(large)} - at {rate_text(small)}"
    return _contrast(task, reading, what, both)


def _contrast(task: str, reading: str, what: str, both: Mapping[int, tuple[Fold, Fold]]) -> Contrast:
    found = {
        name: over_folds(after[name] - before[name] for before, after in both.values()) for name in MEASURES
    }
    return Contrast(task, reading, what, tuple(both), **found)
