"""The study of flatness as tables: one row a model, loss and measure; or one row an optimizer, over folds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.studies.attacked import read
from unlearnkit.studies.flatness_measures import LOSSES
from unlearnkit.studies.intervals import over_folds

if TYPE_CHECKING:
    import pandas as pd

EIGENVALUES = tuple(f"eigenvalue {place}" for place in range(1, 6))  # by falling modulus
SAMPLED = {"trace": "estimate", "average": "value", "adaptive": "value"}  # their number's name
ASCENTS = ("sam", "worst")
WAYS = ("to_target", "to_adam")
MEASURES = ("trace", *EIGENVALUES, "lowest", "average", "adaptive", *ASCENTS, *WAYS)
TITLES = {
    "trace": "trace",
    "eigenvalue 1": "largest modulus",
    "eigenvalue 5": "fifth modulus",
    "lowest": "lowest",
    "average": "average sharpness",
    "adaptive": "adaptive sharpness",
    "worst": "worst case",
    "to_target": "barrier to target",
    "to_adam": "barrier to Adam's",
}
CONTROLS = ("target", "never_learned", "random")
PLANT = "plant-"  # how the names of planted models begin: they show the attack's power, nothing else


def flatness_frame(record: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each model, loss and measure.

    Parameters
    ----------
    record : mapping
        The content of flatness.json.

    Returns
    -------
    pandas.DataFrame
        - task, fold, name (an optimizer's, or "target", "never_learned", "random"), control (whether it is
          one), status, distance_l2 (to the target);
        - depth: nll_forget as a multiple of never_learned's;
        - recovery: of held-out facts after relearning, beyond never_learned's; outcome (None for controls);
        - loss: "forget" or "retain"; level: that loss, nats a token;
        - measure: one of `MEASURES`; value; low, high: its 95 % interval where it was sampled, its residual
          either side where it is an eigenvalue, else NaN; beside: of a barrier, that of a random way of the
          same length, else NaN.

        A barrier from a model to itself is left out, and so is a run that diverged: it has no measures.

    Raises
    ------
    BadInput
        When a field is missing, or a fold has no never_learned.

    Examples
    --------
    >>> flatness_frame({"rows": []})
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record has no controls; give the file as the command that made it wrote it
    """
    import pandas as pd

    rows, controls = (list(read(record, "record", name)) for name in ("rows", "controls"))
    models = [(f"record: row {place}", row) for place, row in enumerate(rows)]
    models += [
        (f"record: control {place}", row)
        for place, row in enumerate(controls)
        if not str(read(row, f"record: control {place}", "control")).startswith(PLANT)
    ]
    levels = {_place(where, row): row for where, row in models if row.get("control") == "never_learned"}
    return pd.DataFrame([line for where, row in models for line in _lines(where, row, levels)])


def _place(where: str, row: Any) -> tuple[str, int]:
    return read(row, where, "task"), read(row, where, "fold")


def _lines(where: str, row: Any, levels: Mapping[tuple[str, int], Any]) -> list[dict[str, Any]]:
    measures = read(row, where, "measures")
    if measures is None:
        return []
    about = _about(where, row, levels)
    return [
        about | {"loss": loss, "level": read(measures, where, loss, "loss"), **found}
        for loss in LOSSES
        for found in _found(where, read(measures, where, loss))
        if not _to_itself(about["name"], found["measure"])
    ]


def _about(where: str, row: Any, levels: Mapping[tuple[str, int], Any]) -> dict[str, Any]:
    task, fold = _place(where, row)
    if (task, fold) not in levels:
        raise BadInput(
            f"record: no control is never_learned of {task}, fold {fold}; without it nothing came back"
        )
    control = levels[task, fold]
    (after,) = read(row, where, "attacks")
    (theirs,) = read(control, "record: never_learned", "attacks")
    kept, scores = "knowmem_forget_heldout", read(row, where, "scores")
    return {
        "task": task,
        "fold": fold,
        "name": row["control"] if "control" in row else read(row, where, "optimizer"),
        "control": "control" in row,
        "status": read(row, where, "status"),
        "distance_l2": read(row, where, "cost", "distance_l2"),
        "depth": read(scores, where, "nll_forget") / read(control, where, "scores", "nll_forget"),
        "recovery": read(after, where, "scores", kept) - read(theirs, where, "scores", kept),
        "outcome": after.get("outcome"),
    }


def _to_itself(name: str, measure: str) -> bool:
    return measure == f"to_{name}"


def _found(where: str, measured: Any) -> list[dict[str, Any]]:
    """All measures of one loss, in the order of `MEASURES`."""
    found = {}
    for name, value in SAMPLED.items():
        result = read(measured, where, name)
        found[name] = (read(result, where, value), *read(result, where, "interval"), math.nan)
    top, lowest = (read(measured, where, name) for name in ("top", "lowest"))
    listed = zip(EIGENVALUES, top["values"], top["residuals"], strict=False)
    for name, value, error in (*listed, ("lowest", lowest["values"][0], lowest["residuals"][0])):
        found[name] = (value, value - error, value + error, math.nan)
    for name in ASCENTS:
        found[name] = (read(measured, where, name, "value"), math.nan, math.nan, math.nan)
    for name in WAYS:
        way = read(measured, where, name)
        found[name] = (read(way, where, "barrier"), math.nan, math.nan, read(way, where, "control_barrier"))
    columns = ("value", "low", "high", "beside")
    return [
        {"measure": name, **dict(zip(columns, found[name], strict=True))}
        for name in MEASURES
        if name in found
    ]


def flatness_table(
    record: Mapping[str, Any], *, task: str, loss: str, measures: Sequence[str] = tuple(TITLES)
) -> str:
    """One line an optimizer, then the controls: every measure as its mean over folds with a 95 % t interval.

    Parameters
    ----------
    record : mapping
        The content of flatness.json.
    task : str
    loss : {"forget", "retain"}
    measures : sequence of str
        Columns, of `MEASURES`.

    Returns
    -------
    str
        Markdown. Eigenvalues by their moduli. status: on how many folds. distance: L2, to the target. comes
        back: held-out facts after relearning beyond never_learned's. In parentheses beside a barrier: that
        of random ways of the same length.

    Raises
    ------
    BadInput
        As `flatness_frame`; when the record has nothing of this task and loss.
    """
    check_measures(measures)
    frame = chosen_part(flatness_frame(record), task=task, loss=loss)
    head = ["model", "status", "distance", *(TITLES.get(name, name) for name in measures), "comes back"]
    names = dict.fromkeys(frame.sort_values("control", kind="stable").name)
    lines = [_line(frame[frame.name == name], str(name), measures) for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def check_measures(measures: Sequence[str]) -> None:
    """Raise UnknownName for a measure that is none."""
    for measure in measures:
        require_one_of("measures", measure, MEASURES)


def counted(words: Iterable[str]) -> str:
    """How often each word is there.

    Examples
    --------
    >>> counted(["forgotten", "destroyed", "forgotten"])
    '2 forgotten, 1 destroyed'
    """
    return ", ".join(f"{count} {word}" for word, count in Counter(words).items())


def chosen_part(frame: pd.DataFrame, *, task: str, loss: str) -> pd.DataFrame:
    """The rows of one task and loss; raises BadInput where there are none."""
    for column, wanted in (("task", task), ("loss", loss)):
        known = sorted(set(frame[column])) if len(frame) else []
        if wanted not in known:
            raise BadInput(
                f'{column}: the record has nothing of "{wanted}"; it has {", ".join(known) or "no row"}'
            )
        frame = frame[frame[column] == wanted]
    return frame


def _line(mine: pd.DataFrame, name: str, measures: Sequence[str]) -> list[str]:
    models = mine.drop_duplicates("fold")
    cells = [_cell(mine[mine.measure == measure]) for measure in measures]
    distance, back = over_folds(models.distance_l2), over_folds(models.recovery)
    return [name, counted(models.status), distance.cell(".3g"), *cells, back.cell()]


def _cell(found: pd.DataFrame) -> str:
    if not len(found):
        return ""
    by_fold = found.groupby("fold").mean(numeric_only=True)
    moduli = str(found.measure.iloc[0]) in EIGENVALUES  # of either sign from fold to fold
    told = over_folds(by_fold.value.abs() if moduli else by_fold.value).cell(".4g")
    beside = by_fold.beside.dropna()
    return f"{told} ({float(beside.mean()):.2g})" if len(beside) else told
