"""Recovery, knowledge and retention after an attack: one row an optimizer, three panels, controls beside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from unlearnkit.apps.robustness.model import IN_NO_MEAN, MEASURES, Line, Shown
from unlearnkit.attacks.outcomes import RECOVERY_MARGIN
from unlearnkit.reports.facets import bars
from unlearnkit.reports.looks import CONTROL_GREY, NO_BUTTONS, looks_of, template_of
from unlearnkit.reports.survival import OUTCOME_MARKERS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

TITLES = ("recovery beyond never_learned", "knows after the attack", "keeps after the attack")
RANGES = ((-0.28, 1.08), (-0.04, 1.06), (-0.04, 1.06))
MOST_POINTS = 1000  # above, a fold's runs are drawn as one point, its mean
SPREAD = 0.6  # of a row's height, for its folds
INK = {"light": "#2a2a2a", "dark": "#f0f0f0"}
RUN_PIECES = ("x", "y", "customdata", "marker.symbol", "marker.color")
MEAN_PIECES = ("x", "y", "customdata", "error_x.array", "error_x.arrayminus", "error_x.color", "marker.color")
OTHER_MARKER = "asterisk-open"


def robustness_figure(shown: Shown, *, theme: str = "light") -> go.Figure:
    """The figure of a choice; its traces keep their number and places, so a widget can take on another's.

    Two traces a panel: runs (markers say the outcome), and means with their intervals.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=3, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=TITLES)
    for place, trace in enumerate(traces(shown, theme)):
        figure.add_trace(trace, row=1, col=place // 2 + 1)
    for column, (low, high) in enumerate(RANGES, start=1):
        figure.update_xaxes(range=[low, high], zeroline=False, row=1, col=column)
    figure.update_xaxes(tickformat=".0%", col=2)
    figure.update_xaxes(tickformat=".0%", col=3)
    titles = list(figure.layout.annotations)
    figure.update_layout(layout(shown), template=template_of(theme))
    return figure.update_layout(annotations=[*titles, *_marks(shown)])


def redraw(widget: go.FigureWidget, shown: Shown, *, theme: str = "light") -> None:
    """Let a widget of this figure show another choice, or the same in another theme; one message is sent."""
    drawn = list(traces(shown, theme))
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    runs, means = (list(group) for group in zip(*pairs, strict=True))
    fresh = layout(shown)
    titles = [mark.to_plotly_json() for mark in widget.layout.annotations[: len(TITLES)]]
    moved = {name: fresh[name] for name in ("shapes", "height")} | {
        "title.text": fresh["title"]["text"],
        **{f"yaxis.{name}": fresh["yaxis"][name] for name in ("tickvals", "ticktext", "range")},
        "annotations": [*titles, *_marks(shown)],
    }
    with widget.batch_update():
        widget.plotly_restyle(_pieces(runs, RUN_PIECES), trace_indexes=[0, 2, 4])
        widget.plotly_restyle(_pieces(means, MEAN_PIECES), trace_indexes=[1, 3, 5])
        widget.plotly_relayout(moved)


def _pieces(drawn: Sequence[go.Scatter], paths: Sequence[str]) -> dict[str, list[Any]]:
    """What may differ between choices, trace by trace, as plotly's restyle takes it."""
    return {path: [trace[path] for trace in drawn] for path in paths}


def dress(widget: go.FigureWidget, theme: str) -> None:
    """Give a widget the colours of a theme; `redraw` then draws in them."""
    widget.update_layout(template=template_of(theme))


def layout(shown: Shown) -> dict[str, Any]:
    """What of the layout depends on the choice."""
    names = [escape(line.name) for line in shown.lines]
    return {
        "title": {"text": escape(title(shown)), "y": 0.98, "yanchor": "top", "font": {"size": 15}},
        "yaxis": {
            "tickvals": list(range(len(names))), "ticktext": names, "range": [max(len(names), 1) - 0.4, -0.6],
            "zeroline": False,
        },
        "shapes": list(_shapes(shown)),
        "autosize": True,
        "height": 230 + 46 * max(len(names), 1),
        "showlegend": False,
        "uirevision": "the same",
        "modebar": {"remove": NO_BUTTONS},
        "margin": {"l": 20, "r": 20, "t": 80, "b": 50},
    }  # fmt: skip


def title(shown: Shown) -> str:
    """Attack, facts and matching."""
    choice = shown.choice
    matched = {"none": "", "depth": ", at matched depth", "retention": ", at matched retention"}
    return f"After {shown.attack}: {choice.facts} facts, {choice.task} task{matched[choice.matching]}"


def traces(shown: Shown, theme: str) -> Iterator[go.Scatter]:
    """Runs and means, a pair a panel."""
    points = drawn_points(shown)
    for measure in MEASURES:
        yield _runs_trace(points, measure)
        yield _means_trace(shown.lines, measure, theme)


def drawn_points(shown: Shown) -> pd.DataFrame:
    """What stands as a point: a run, or of very many runs the mean of each line's fold; with its height.

    Runs that are in no mean are then drawn as points of their own, one an outcome.
    """
    points = shown.runs
    if len(points) > MOST_POINTS:
        apart = points["outcome"].where(points["outcome"].isin(IN_NO_MEAN), "a fold's mean")
        same = {"optimizer": "first", "seed": "size", **dict.fromkeys((*MEASURES, "depth"), "mean")}
        points = (
            points.assign(outcome=apart)
            .groupby(["line", "fold", "outcome"], as_index=False)
            .agg(**{name: (name, how) for name, how in same.items()})
        )
        points = points.assign(run_id=None, status="several runs")
    folds = {fold: place for place, fold in enumerate(sorted(set(points["fold"])))}
    middle = (len(folds) - 1) / 2
    offset = points["fold"].map(folds).sub(middle) / max(len(folds), 1) * SPREAD
    return points.assign(height=points["line"] + offset.astype(float))


def _runs_trace(points: pd.DataFrame, measure: str) -> go.Scatter:
    import plotly.graph_objects as go

    looks = looks_of(points["optimizer"])
    told = points[["optimizer", "fold", "seed", "status", "outcome", "run_id"]].to_numpy(dtype=object)
    return go.Scatter(
        x=_values(points[measure]),
        y=points["height"].tolist(),
        mode="markers",
        marker={
            "symbol": [OUTCOME_MARKERS.get(word, OTHER_MARKER) for word in points["outcome"]],
            "color": [looks[name].colour for name in points["optimizer"]],
            "size": 9,
            "opacity": 0.75,
        },
        customdata=[[escape(str(cell)) for cell in row] for row in told],
        hovertemplate="%{customdata[0]}, fold %{customdata[1]}, seed %{customdata[2]}: %{x:.2f}<br>"
        "%{customdata[3]}, %{customdata[4]}<extra></extra>",
        name=f"runs: {measure}",
    )


def _means_trace(lines: Sequence[Line], measure: str, theme: str) -> go.Scatter:
    import plotly.graph_objects as go

    intervals = [getattr(line, measure) for line in lines]
    return go.Scatter(
        x=[None if math.isnan(found.mean) else found.mean for found in intervals],
        y=list(range(len(lines))),
        error_x=bars(intervals, INK[theme]),
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 20, "line": {"width": 3}, "color": INK[theme]},
        customdata=[
            [escape(line.name), found.text("+z.2f"), found.n]
            for line, found in zip(lines, intervals, strict=True)
        ],
        hovertemplate="%{customdata[0]}: %{customdata[1]}, n = %{customdata[2]} folds<extra></extra>",
        name=f"means: {measure}",
    )


def _values(column: pd.Series[Any]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in column]


def _shapes(shown: Shown) -> Iterator[dict[str, Any]]:
    """The control as a band from its lowest to its highest fold, with a line at its mean; the limits."""
    yield _line(0.0, 1, dash="solid")
    yield _line(RECOVERY_MARGIN, 1, dash="dash")
    for column, level in ((2, shown.control), (3, shown.control_retain)):
        yield _band(level.low, level.high, column)
        yield _line(level.mean, column, dash="solid")
    yield _line(shown.floor, 3, dash="dash")


def _marks(shown: Shown) -> Iterator[dict[str, Any]]:
    yield _mark(0.0, 1, "control", side="right")
    yield _mark(RECOVERY_MARGIN, 1, f"margin {RECOVERY_MARGIN:.2f}", side="left")
    yield _mark(shown.control.mean, 2, "control", side="left")
    yield _mark(shown.floor, 3, "destroyed below", side="right")


def _line(x: float, column: int, *, dash: str) -> dict[str, Any]:
    style = {"color": CONTROL_GREY, "dash": dash, "width": 2}
    return _across(x, x, column) | {"type": "line", "line": style}


def _band(low: float, high: float, column: int) -> dict[str, Any]:
    fill = {"fillcolor": CONTROL_GREY, "opacity": 0.25, "line": {"width": 0}}
    return _across(low, high, column) | {"type": "rect", "layer": "below", **fill}


def _across(low: float, high: float, column: int) -> dict[str, Any]:
    """From top to bottom of a panel; invisible where there is no value."""
    there = not math.isnan(low)
    ends = {"x0": low if there else 0.0, "x1": high if there else 0.0, "y0": 0, "y1": 1}
    return ends | {"xref": f"x{column}" if column > 1 else "x", "yref": "paper", "visible": there}


def _mark(x: float, column: int, text: str, *, side: str) -> dict[str, Any]:
    there = not math.isnan(x)
    return {
        "x": x if there else 0.0, "xref": f"x{column}" if column > 1 else "x", "xanchor": side,
        "yref": "paper", "y": 0, "yanchor": "bottom", "text": text, "showarrow": False, "visible": there,
        "font": {"size": 11},
    }  # fmt: skip
