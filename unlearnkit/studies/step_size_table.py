"""The study of step sizes as a table: one row for each task, optimizer and learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearnkit.attacks.outcomes import OUTCOMES
from unlearnkit.studies.attacked import Study, attacked_frame, read
from unlearnkit.studies.depth import STEP_SIZE_FOLDS, STEP_SIZE_RATES
from unlearnkit.studies.intervals import over_folds

if TYPE_CHECKING:
    import pandas as pd

Rates = Mapping[str, Sequence[float]]


def step_size_table(study: Study, attack: str, *, rates: Rates | None = None) -> pd.DataFrame:
    """Adam and signAdam at matched depth, one row for each task, optimizer and learning rate.

    Parameters
    ----------
    study : mapping
        The content of step-size.json.
    attack : str
        Its short form, such as "relearn-100@3e-4".
    rates : mapping of str to sequence of float, optional
        The learning rates that were run, by optimizer; by default `STEP_SIZE_RATES`. A rate that never
        reached the depth has no run in the record, and is known from here only.

    Returns
    -------
    pandas.DataFrame
        task, optimizer, lr; n_folds: folds whose run reached the depth; retain, heldout (recovery of facts
        that the attack never showed): means over folds, with `_low` and `_high` of their 95 % t intervals;
        shown (recovery), depth (multiple of never_learned's nll_forget), distance_l2, steps: means; then how
        many folds' runs ended with each outcome; not_reached: folds of `STEP_SIZE_FOLDS` without a run,
        because the budget ended before the depth, or the run diverged.

    Raises
    ------
    BadInput
        As `attacked_frame`.

    Examples
    --------
    >>> step_size_table({"rows": []}, "relearn-100")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: study: it has no controls; give the file as the command that made it wrote it
    """
    import pandas as pd

    frame = attacked_frame(study, attack)
    tried = STEP_SIZE_RATES if rates is None else rates
    listed: dict[tuple[str, str, float], None] = {}
    for task in _tasks(study):
        seen = frame[frame.task == task]
        planned = [(name, lr) for name, all_of in tried.items() for lr in all_of]
        met = zip(seen.optimizer, seen.lr, strict=True)
        listed |= {(task, name, float(lr)): None for name, lr in sorted({*planned, *met})}
    return pd.DataFrame([_row(frame, *key) for key in listed])


def _tasks(study: Study) -> list[str]:
    """Every task that the study touched: the controls tell, where no run reached the depth."""
    touched = [*study["rows"], *study["controls"]]
    return sorted({read(record, "study: a record", "task") for record in touched})


def _row(frame: pd.DataFrame, task: str, optimizer: str, lr: float) -> dict[str, Any]:
    mine = frame[(frame.task == task) & (frame.optimizer == optimizer) & np.isclose(frame.lr, lr)]
    by_fold = mine.groupby("fold").mean(numeric_only=True)
    row: dict[str, Any] = {"task": task, "optimizer": optimizer, "lr": lr, "n_folds": len(by_fold)}
    for name in ("retain", "heldout"):
        found = over_folds(by_fold[name])
        row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    row |= {name: float(by_fold[name].mean()) for name in ("shown", "depth", "distance_l2", "steps")}
    row |= {name.replace(" ", "_"): int((mine.outcome == name).sum()) for name in OUTCOMES}
    expected = set(STEP_SIZE_FOLDS.get(task, ()))
    return row | {"not_reached": len(expected - set(by_fold.index))}
