"""One panel a task, side by side, with the bars and texts that its figures share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from unlearnkit.attacks.outcomes import RECOVERY_MARGIN
from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS
from unlearnkit.studies.intervals import Interval

if TYPE_CHECKING:
    import plotly.graph_objects as go

MARGIN_LINE = {"color": CONTROL_GREY, "dash": "dash", "width": 2}
HELD_OUT = "recovery of held-out facts"


def task_panels(tasks: Sequence[str], *, title: str, x_title: str) -> go.Figure:
    """An empty figure with one panel a task; all share the scale of recovery."""
    from plotly.subplots import make_subplots

    figure = make_subplots(
        cols=len(tasks), shared_yaxes=True, horizontal_spacing=0.04,
        subplot_titles=[f"{task} task" for task in tasks],
    )  # fmt: skip
    figure.update_xaxes(title=x_title)
    # Always the whole scale: a small recovery must look small.
    figure.update_yaxes(range=[-0.22, 1.12], zeroline=True)
    figure.update_yaxes(title=HELD_OUT, col=1)
    return figure.update_layout(
        title={"text": title, "y": 0.97},
        legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "itemsizing": "trace"},
        modebar={"remove": NO_BUTTONS},
        margin={"l": 70, "r": 20, "t": 80, "b": 130},
        height=520,
    )


def fill_panels(
    figure: go.Figure, tasks: Sequence[str], traces_of: Callable[[str], Iterable[go.Scatter]]
) -> None:
    """Draw each task's traces in its panel; of each legend group the first one shown names it."""
    told: set[str] = set()
    for column, task in enumerate(tasks, start=1):
        for trace in traces_of(task):
            trace.showlegend = trace.showlegend is not False and trace.legendgroup not in told
            told |= {trace.legendgroup} if trace.showlegend else set()
            figure.add_trace(trace, row=1, col=column)


def mark_margin(figure: go.Figure, panels: int, *, side: str) -> None:
    """The margin of "survived" across all panels, named at one side ("left" or "right") of each."""
    figure.add_hline(y=RECOVERY_MARGIN, line=MARGIN_LINE)
    for column in range(1, panels + 1):
        figure.add_annotation(
            x=float(side == "right"), xref="x domain", xanchor=side, y=RECOVERY_MARGIN, yanchor="top",
            showarrow=False, text=f"survival margin {RECOVERY_MARGIN:.2f}", row=1, col=column,
        )  # fmt: skip


def mark_level(figure: go.Figure, x: float, text: str, *, column: int) -> None:
    """A dotted vertical line in one panel, with its name at the foot."""
    line = {"color": CONTROL_GREY, "dash": "dot", "width": 1.5}
    figure.add_vline(x=x, line=line, layer="below", row=1, col=column)
    figure.add_annotation(
        x=x, xanchor="left", y=0, yref="y domain", yanchor="bottom", showarrow=False, text=text,
        row=1, col=column,
    )  # fmt: skip


def bars(intervals: Sequence[Interval], colour: str) -> dict[str, Any]:
    """Error bars of plotly; an interval without bounds gets none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [_length(found.high - found.mean) for found in intervals],
        "arrayminus": [_length(found.mean - found.low) for found in intervals],
        "color": colour,
        "thickness": 1.5,
    }


def _length(value: float) -> float | None:
    return None if math.isnan(value) else value
