"""Several figures as one: each widget of plotly's brings all of plotly, which takes a browser seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PLOT, ABOVE, BELOW, NAME = 255, 34, 58, 19  # pixels: axes, title, axis titles, and a name in the legend
SIDE = 0.075  # of the width, for the numbers beside the axes
BETWEEN = 0.03
Plain = dict[str, Any]


def side_by_side(figures: Mapping[str, Plain]) -> Plain:
    """One figure, as plain values, of several: two a row, each with its title above and its legend below.

    Parameters
    ----------
    figures : mapping of str to dict
        What `to_plotly_json` gives, of figures with one pair of axes.

    Returns
    -------
    dict
        For `plotly.graph_objects.Figure`, without a template.
    """
    columns = min(len(figures), 2)
    rows = [list(figures.items())[at : at + columns] for at in range(0, len(figures), columns)]
    heights = [_height(row) for row in rows]
    merged: Plain = {"data": [], "layout": {**FRAME, "height": sum(heights), "shapes": [], "annotations": []}}
    number = 0
    for at, row in enumerate(rows):
        top = 1 - sum(heights[:at]) / sum(heights)
        for column, (_, figure) in enumerate(row):
            number += 1
            across = _across(column, len(row))
            _add(merged, figure, str(number) if number > 1 else "", across, top, 1 / sum(heights))
    return merged


FRAME = {"autosize": True, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "uirevision": "the same"}


def _height(row: Sequence[tuple[str, Plain]]) -> int:
    return ABOVE + PLOT + BELOW + NAME * max(_names(figure) for _, figure in row) + 18


def _names(figure: Plain) -> int:
    return sum(bool(trace.get("name")) and trace.get("showlegend", True) for trace in figure["data"])


def _across(column: int, columns: int) -> list[float]:
    return [column / columns + SIDE, (column + 1) / columns - BETWEEN]


def _add(merged: Plain, figure: Plain, end: str, across: list[float], top: float, pixel: float) -> None:
    """One figure's traces, axes, marks, title and legend; a pixel is this share of the height."""
    layout, mine = figure["layout"], merged["layout"]
    upwards = [top - (ABOVE + PLOT) * pixel, top - ABOVE * pixel]
    merged["data"] += (_placed(trace, end) for trace in figure["data"])
    mine[f"xaxis{end}"] = {**layout.get("xaxis", {}), "domain": across, "anchor": f"y{end}"}
    mine[f"yaxis{end}"] = {**layout.get("yaxis", {}), "domain": upwards, "anchor": f"x{end}"}
    mine[f"legend{end}"] = {
        "x": across[0], "xanchor": "left", "y": upwards[0] - BELOW * pixel, "yanchor": "top",
        "bgcolor": "rgba(0,0,0,0)", "tracegroupgap": 0,
    }  # fmt: skip
    on_axes = {"xref": f"x{end}", "yref": f"y{end} domain"}
    mine["shapes"] += ({**shape, **on_axes} for shape in layout.get("shapes", ()))
    mine["annotations"] += ({**mark, **on_axes} for mark in layout.get("annotations", ()))
    mine["annotations"] += _title(layout["title"]["text"], across[0], upwards[1])


def _placed(trace: Plain, end: str) -> Plain:
    group = {"legendgroup": f"{trace['legendgroup']} {end}"} if trace.get("legendgroup") else {}
    return {**trace, **group, "xaxis": f"x{end}", "yaxis": f"y{end}", "legend": f"legend{end}"}


def _title(text: str, x: float, y: float) -> Iterator[Plain]:
    yield {
        "text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left",
        "yanchor": "bottom", "showarrow": False, "font": {"size": 15},
    }  # fmt: skip
