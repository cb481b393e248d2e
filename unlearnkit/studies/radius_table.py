"""What the sweep of radii says: the errors as a table, and the radius that is nowhere bad."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearnkit.errors import BadInput, require_positive
from unlearnkit.optim import AdaZO
from unlearnkit.studies.attacked import rate_text, read

if TYPE_CHECKING:
    import pandas as pd

ESTIMATES = ("central_float32", "forward_float32", "central_float64")
DEFAULT = float(signature(AdaZO).parameters["radius"].default)


@dataclass(frozen=True)
class RadiusReading:
    """One loss at one model; errors are relative, medians over directions, of the central difference.

    Attributes
    ----------
    model, loss : str
    best : float
        The radius at which float32 errs least.
    best_error, default_error : float
        There, and at the default.
    rounding_slope : float
        The error's power of the radius left of `best`, by least squares of logarithms over errors below one
        half; about -1 where rounding decides. NaN where fewer than two radii tell.
    curvature_slope : float
        The same in true double, from 1e-5 to 1e-3: 2 where the third derivative decides.
    """

    model: str
    loss: str
    best: float
    best_error: float
    default_error: float
    rounding_slope: float
    curvature_slope: float


@dataclass(frozen=True)
class RadiusAnswer:
    """Which radius the sweep speaks for.

    Attributes
    ----------
    default : float
        The one that zeroth-order optimizers take by themselves.
    chosen : float
        The one whose worst error, over all losses and models, is smallest: a run passes through all of them.
    worst_error : dict of float to float
        That worst error, for every radius.
    readings : tuple of RadiusReading
    """

    default: float
    chosen: float
    worst_error: dict[float, float]
    readings: tuple[RadiusReading, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def radius_frame(record: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each model, loss, estimate and radius.

    Parameters
    ----------
    record : mapping
        The content of data/records/radius.json.

    Returns
    -------
    pandas.DataFrame
        model, loss, estimate (`central_float32`, `forward_float32`, `central_float64`), radius; median, low,
        high: of the relative error over directions, with its quartiles; ulps: the median difference of the
        two losses, in units in the last place of the float32 loss.

    Raises
    ------
    BadInput
        When a field is missing.
    """
    import pandas as pd

    return pd.DataFrame(
        [line for place, row in enumerate(read(record, "record", "rows")) for line in _lines(row, place)]
    )


def _lines(row: Mapping[str, Any], place: int) -> list[dict[str, Any]]:
    where = f"record: row {place}"
    model, loss, radii, along = (read(row, where, name) for name in ("model", "loss", "radii", "along"))
    ulps = np.median([read(one, where, "ulps") for one in along], axis=0)
    found = []
    for estimate in ESTIMATES:
        errors = np.array([read(one, where, estimate) for one in along])
        low, median, high = np.quantile(errors, (0.25, 0.5, 0.75), axis=0)
        found += [
            {"model": model, "loss": loss, "estimate": estimate, "radius": radius}
            | {"median": median[at], "low": low[at], "high": high[at], "ulps": ulps[at]}
            for at, radius in enumerate(radii)
        ]
    return found


def radius_answer(record: Mapping[str, Any], *, default: float = DEFAULT) -> RadiusAnswer:
    """Where float32 errs least, for each loss and model, and the radius that is nowhere bad.

    Parameters
    ----------
    record : mapping
        The content of data/records/radius.json.
    default : float
        The radius to judge; must be among those that were tried.

    Raises
    ------
    BadInput
        When a field is missing, or the default was not tried.

    Examples
    --------
    >>> import json
    >>> from unlearnkit.resources import data_path
    >>> record = json.loads(data_path("records", "radius.json").read_text(encoding="utf-8"))
    >>> radius_answer(record).chosen
    0.001
    """
    require_positive("default", default)
    frame = radius_frame(record)
    tried = sorted(set(frame.radius.tolist()))
    near = next((radius for radius in tried if math.isclose(radius, default)), None)
    if near is None:
        listed = ", ".join(map(rate_text, tried))
        raise BadInput(f"default: the radius {rate_text(default)} was not tried; there are {listed}")
    central = frame[frame.estimate == "central_float32"]
    worst = {radius: float(central[central.radius == radius]["median"].max()) for radius in tried}
    places = frame.groupby(["model", "loss"], sort=False)
    readings = tuple(_reading(str(model), str(loss), mine, near) for (model, loss), mine in places)
    return RadiusAnswer(near, min(worst, key=lambda radius: worst[radius]), worst, readings)


def _reading(model: str, loss: str, frame: pd.DataFrame, default: float) -> RadiusReading:
    errors, true = (
        dict(zip(mine.radius, mine["median"], strict=True))
        for mine in (frame[frame.estimate == name] for name in ("central_float32", "central_float64"))
    )
    best = min(errors, key=lambda radius: errors[radius])
    left = {radius: error for radius, error in errors.items() if radius < best and error < 0.5}
    middle = {radius: error for radius, error in true.items() if 0.99e-5 < radius < 1.01e-3}
    return RadiusReading(
        model, loss, float(best), float(errors[best]), float(errors[default]), _slope(left), _slope(middle)
    )


def _slope(errors: Mapping[float, float]) -> float:
    if len(errors) < 2 or min(errors.values()) <= 0:
        return math.nan
    return float(np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0])


def radius_table(record: Mapping[str, Any]) -> str:
    """One line a radius, one column a loss and model: the median error in float32, in percent.

    Parameters
    ----------
    record : mapping
        The content of data/records/radius.json.

    Returns
    -------
    str
        Markdown. In parentheses, where below 1,000: by how many units in the last place of the loss its two
        ends differ.
    """
    frame = radius_frame(record)
    central = frame[frame.estimate == "central_float32"]
    places = list(dict.fromkeys(zip(central.model, central.loss, strict=True)))
    lines = [["radius", *(f"{loss}, {model}" for model, loss in places)], ["---"] * (len(places) + 1)]
    cells = {(r.model, r.loss, r.radius): _cell(r.median, r.ulps) for r in central.itertuples()}
    for radius in sorted(set(central.radius)):
        lines.append([rate_text(radius), *(cells.get((*place, radius), "") for place in places)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(error: Any, ulps: Any) -> str:
    percent = 100 * float(error)
    told = f"{percent:.2g} %" if percent < 99.5 else "≥ 100 %"
    return f"{told} ({float(ulps):.0f})" if ulps < 1000 else told
