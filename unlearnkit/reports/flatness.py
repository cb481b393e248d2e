"""Every measure of flatness against what came back, in figure and words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearnkit.reports.facets import HELD_OUT
from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS, Look, looks_of, template_of
from unlearnkit.studies.flatness_answer import FIRST, FORGOT
from unlearnkit.studies.flatness_measures import LOSSES
from unlearnkit.studies.flatness_table import (
    CONTROLS,
    TITLES,
    check_measures,
    chosen_part,
    counted,
    flatness_frame,
)
from unlearnkit.studies.intervals import over_folds

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

SHOWN = (FIRST, "adaptive", "to_target")
BESIDE = {"distance_l2": "distance from the target (L2)", "depth": "depth (1: never_learned's)"}
CONTROL_LOOKS = dict(zip(CONTROLS, ("circle-x", "square-x", "hourglass"), strict=True))
DECADES = 2.0  # below the largest value are drawn by their logarithm; what is smaller, in a straight line


def flatness_figure(
    record: Mapping[str, Any], *, task: str, measures: Sequence[str] = SHOWN, theme: str = "light"
) -> go.Figure:
    """What came back, against flatness: a marker a run.

    Parameters
    ----------
    record : mapping
        The content of flatness.json.
    task : str
    measures : sequence of str
        Columns, of `MEASURES`.
    theme : {"light", "dark"}

    Returns
    -------
    plotly.graph_objects.Figure
        Above, measures of the loss on what must be forgotten; below, on what must be kept. Last, what may
        explain as much: the distance from the target, and depth. x: the measure, with its 95 % interval
        where it was sampled; its scale is that of log(1 + |x| / unit), so that 0 and both signs have a
        place. y: held-out facts after relearning, beyond never_learned's. Open markers did not forget, or
        were destroyed; grey ones are no runs. Never show it without `flatness_sentence`: some readers cannot
        see it.

    Raises
    ------
    BadInput
        For a record without what is drawn, an unknown theme.

    Examples
    --------
    >>> flatness_figure({"rows": []}, task="topic")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: record has no controls; give the file as the command that made it wrote it
    """
    template = template_of(theme)
    check_measures(measures)
    frame = flatness_frame(record)
    parts = {loss: chosen_part(frame, task=task, loss=loss) for loss in LOSSES}
    figure = _panels(measures)
    for row, loss in enumerate(LOSSES, start=1):
        for column, measure in enumerate(measures, start=1):
            _fill(figure, parts[loss][parts[loss].measure == measure], "value", row, column)
        models = parts[loss].drop_duplicates(["fold", "name"]).assign(low=math.nan, high=math.nan)
        _fill(figure, models, list(BESIDE)[row - 1], row, len(measures) + 1)
    title = f"What {record.get('attack', 'relearning')} brings back, against flatness: {task} task"
    return figure.update_layout(template=template, title={"text": title, "y": 0.98})


def _panels(measures: Sequence[str]) -> go.Figure:
    from plotly.subplots import make_subplots

    named = [TITLES.get(measure, measure) for measure in measures]
    titles = [
        title
        for loss, beside in zip(LOSSES, BESIDE.values(), strict=True)
        for title in (*(f"{loss}: {name}" for name in named), beside)
    ]
    figure = make_subplots(
        rows=2, cols=len(measures) + 1, shared_yaxes=True, subplot_titles=titles,
        horizontal_spacing=0.03, vertical_spacing=0.17,
    )  # fmt: skip
    figure.update_yaxes(range=[-0.22, 1.12], zeroline=True)
    figure.update_yaxes(title=HELD_OUT, col=1)
    return figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top", "itemsizing": "trace"},
        modebar={"remove": NO_BUTTONS},
        margin={"l": 70, "r": 20, "t": 80, "b": 110},
        height=720,
    )


def _fill(figure: go.Figure, models: pd.DataFrame, x: str, row: int, column: int) -> None:
    """Draw one panel; the first names everything."""
    scale = _Scale(models[x])
    for trace in _traces(models, x, scale):
        trace.showlegend = (row, column) == (1, 1)
        figure.add_trace(trace, row=row, col=column)
    places, told = scale.ticks()
    figure.update_xaxes(tickvals=places, ticktext=told, row=row, col=column)


class _Scale:
    """sign(x) log10(1 + |x| / unit): straight near 0, logarithmic far from it, on either side."""

    def __init__(self, values: pd.Series[float]) -> None:
        largest = float(values.abs().max()) or 1.0
        self.unit = 10.0 ** (math.floor(math.log10(largest)) - DECADES)
        self.ends = (float(values.min()), float(values.max()))

    def __call__(self, values: Any) -> Any:
        given = np.asarray(values, dtype=float)
        return np.sign(given) * np.log10(1 + np.abs(given) / self.unit)

    def ticks(self) -> tuple[list[float], list[str]]:
        """0 and powers of ten from the smallest to the largest value; within a decade 2 and 5, too."""
        low, high = self.ends
        narrow = min(abs(low), abs(high)) > 0.1 * max(abs(low), abs(high)) and low * high > 0
        steps = (1, 2, 5) if narrow else (1,)
        marks = [self.unit * 10**power * step for power in range(1, int(DECADES) + 2) for step in steps]
        below = [-mark for mark in reversed(marks) if mark <= -low * 1.5]
        values = [*below, 0.0, *(mark for mark in marks if mark <= high * 1.5)]
        return self(values).tolist(), [f"{value:g}" for value in values]


def _traces(models: pd.DataFrame, x: str, scale: _Scale) -> Iterator[go.Scatter]:
    import plotly.graph_objects as go

    looks = looks_of(name for name in models[~models.control].name)
    for name, mine in _named(models):
        look = looks.get(name) or Look(CONTROL_GREY, CONTROL_LOOKS[name])
        middle = scale(mine[x])
        yield go.Scatter(
            x=middle.tolist(),
            y=mine.recovery.tolist(),
            error_x=_reach(middle, scale(mine.low), scale(mine.high), look.faint(0.6)),
            name=name,
            legendgroup=name,
            mode="markers",
            marker={
                "symbol": _symbols(mine, look),
                "size": 11,
                "color": look.colour,
                "line": {"width": 1.5, "color": look.colour},
            },
            customdata=mine[[x, "low", "high", "fold", "status", "distance_l2"]]
            .to_numpy(dtype=object)
            .tolist(),
            hovertemplate=f"{name}, fold %{{customdata[3]}}: %{{customdata[4]}}<br>%{{customdata[0]:.4g}} "
            "(%{customdata[1]:.4g} to %{customdata[2]:.4g}), distance %{customdata[5]:.3g}<br>"
            "%{y:+.2f} came back<extra></extra>",
        )


def _named(models: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Optimizers in their order, then the controls."""
    for name in dict.fromkeys(models.sort_values("control", kind="stable").name):
        yield str(name), models[models.name == name]


def _symbols(mine: pd.DataFrame, look: Look) -> list[str]:
    """Open where the run did not forget, or was destroyed."""
    plain = look.marker.removesuffix("-open")
    return [plain if status in FORGOT and not control else f"{plain}-open"
            for status, control in zip(mine.status, mine.control, strict=True)]  # fmt: skip


def _reach(middle: Any, low: Any, high: Any, colour: str) -> dict[str, Any]:
    """Error bars as the scale has them; none where nothing was sampled."""
    sides = {"array": high - middle, "arrayminus": middle - low}
    lengths = {name: [None if math.isnan(x) else float(x) for x in side] for name, side in sides.items()}
    return {"type": "data", "symmetric": False, "color": colour, "thickness": 1.5, "width": 3, **lengths}


def flatness_sentence(record: Mapping[str, Any], *, task: str, measures: Sequence[str] = SHOWN) -> str:
    """The figure in words: for each optimizer and control how flat, how far, and what came back.

    Parameters
    ----------
    record, task, measures
        As for `flatness_figure`.

    Raises
    ------
    BadInput
        As `flatness_figure`.
    """
    check_measures(measures)
    frame = flatness_frame(record)
    parts = {loss: chosen_part(frame, task=task, loss=loss) for loss in LOSSES}
    told = "\n".join(_told(name, parts, measures) for name, _ in _named(parts[LOSSES[0]]))
    return f"{task} task, {record.get('attack', 'relearning')}: means over folds [95 % t interval].\n{told}"


def _told(name: str, parts: Mapping[str, pd.DataFrame], measures: Sequence[str]) -> str:
    mine = {loss: part[part.name == name] for loss, part in parts.items()}
    models = mine[LOSSES[0]].drop_duplicates("fold")
    said = [
        f"{TITLES.get(measure, measure)} {_mean(mine['forget'], measure)} on what must be forgotten and "
        f"{_mean(mine['retain'], measure)} on what must be kept"
        for measure in measures
        if measure in set(mine[LOSSES[0]].measure)
    ]
    return (
        f"{name} ({counted(models.status)}): {'; '.join(said)}; distance "
        f"{over_folds(models.distance_l2).text('.4g')}; {over_folds(models.recovery).text()} came back."
    )


def _mean(mine: pd.DataFrame, measure: str) -> str:
    return over_folds(mine[mine.measure == measure].value).text(".4g")
