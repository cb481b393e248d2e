"""The sweeps over radii of the study of smoothing: where smoothing says more than the loss itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unlearnkit.studies.attacked import read
from unlearnkit.studies.flatness_table import counted
from unlearnkit.studies.intervals import over_folds
from unlearnkit.studies.smoothing_table import about, chosen, models_of, names_of

if TYPE_CHECKING:
    import pandas as pd


def sweep_frame(record: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each model and radius, on the loss of what must be forgotten.

    Parameters
    ----------
    record : mapping
        The content of smoothing.json.

    Returns
    -------
    pandas.DataFrame
        - task, fold, name, control, status, distance_l2: as in `smoothing_frame`;
        - loss: at the model itself, nats a token; trace: of its Hessian;
        - sigma: a weight's change in root mean square; relative: the same over that of the weights;
        - gap, gap_stderr: the smoothed loss less the loss; predicted: sigma^2 / 2 times the trace;
        - shift: of the gradient, as a share of its length; cosine_plain, cosine_smoothed: of the averaged
          zeroth-order estimate with the gradient of the loss, and with that of the smoothed one;
          cosine_expected: what sampling alone leaves of either;
        - quadratic_to, content_from: of the model's whole sweep; None where no radius is.

    Raises
    ------
    BadInput
        When a field is missing.

    Examples
    --------
    >>> sweep_frame({"rows": [], "controls": []}).empty
    True
    """
    import pandas as pd

    return pd.DataFrame([line for where, row in models_of(record) for line in _lines(where, row)])


def _lines(where: str, row: Any) -> list[dict[str, Any]]:
    sweep = read(row, where, "measures", "sweep")
    names = ("quadratic_to", "content_from")
    whole = about(where, row) | {name: read(sweep, where, name) for name in names}
    whole |= {"loss": read(sweep, where, "value"), "trace": read(sweep, where, "trace", "estimate")}
    return [whole | _point(where, point) for point in read(sweep, where, "points")]


def _point(where: str, point: Any) -> dict[str, Any]:
    names = ("sigma", "relative", "predicted", "cosine_plain", "cosine_smoothed", "cosine_expected")
    return {name: read(point, where, name) for name in names} | {
        "gap": read(point, where, "gap", "estimate"),
        "gap_stderr": read(point, where, "gap", "stderr"),
        "shift": read(point, where, "gradient_shift"),
    }


def sweep_table(record: Mapping[str, Any], *, task: str) -> str:
    """One line an optimizer, then the controls: where smoothing parts from the loss, over folds.

    Parameters
    ----------
    record : mapping
        The content of smoothing.json.
    task : str

    Returns
    -------
    str
        Markdown. second order up to: the largest radius at which the gap is sigma^2 / 2 tr H to within 10 %
        and two standard errors (those at most 25 %); another gradient from: the smallest from which on, at
        every swept one, the smoothed loss's gradient is off by 10 % as estimated and surely not by 0; each
        with the folds it was found on, "none" where at no swept radius or where noise hides it. Then,
        for each radius, the gradient's shift as a share of its length, in the mean over folds.

    Raises
    ------
    BadInput
        As `sweep_frame`; when the record has nothing of this task.
    """
    frame = chosen(sweep_frame(record), task=task)
    radii = sorted(set(frame.sigma))
    head = ["model", "status", "second order up to", "another gradient from",
            *(f"shift at {sigma:g}" for sigma in radii)]  # fmt: skip
    lines = [_line(frame[frame.name == name], name, radii) for name in names_of(frame)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def _line(mine: pd.DataFrame, name: str, radii: list[float]) -> list[str]:
    folds = mine.drop_duplicates("fold")
    where = [counted(_told(value) for value in folds[column]) for column in ("quadratic_to", "content_from")]
    shifts = [over_folds(mine[mine.sigma == sigma]["shift"]).mean for sigma in radii]
    return [name, counted(folds.status), *where, *(f"{shift:.2g}" for shift in shifts)]


def _told(radius: float | None) -> str:
    return "none" if radius is None or radius != radius else f"at {radius:g}"
