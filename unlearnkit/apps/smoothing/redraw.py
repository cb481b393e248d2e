"""Let a figure on a page become another one in a single message, of what differs only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import plotly.graph_objects as go


def redraw(widget: go.FigureWidget, figure: go.Figure) -> bool:
    """Give a widget the data and layout of a figure; whether it could: traces must be of the same kinds.

    Zoom stays where the figure's uirevision says so.

    Parameters
    ----------
    widget : plotly FigureWidget
    figure : plotly Figure
    """
    if [trace.type for trace in widget.data] != [trace.type for trace in figure.data]:
        return False
    style, layout = _restyled(widget, figure), _relayout(widget, figure)
    if style or layout:
        widget.plotly_update(style, layout)
    return True


def _restyled(widget: go.FigureWidget, figure: go.Figure) -> dict[str, list[Any]]:
    """For each property of a trace that differs, its value in every trace."""
    from plotly.basedatatypes import Undefined

    pairs = [
        (dict(_flat(old.to_plotly_json())), dict(_flat(new.to_plotly_json())))
        for old, new in zip(widget.data, figure.data, strict=True)
    ]
    names = dict.fromkeys(name for pair in pairs for name in _differing(*pair))
    return {
        name: [new.get(name) if name in _differing(old, new) else Undefined for old, new in pairs]
        for name in names
    }


def _relayout(widget: go.FigureWidget, figure: go.Figure) -> dict[str, Any]:
    old, new = (dict(_flat(one.layout.to_plotly_json())) for one in (widget, figure))
    return {name: new.get(name) for name in _differing(old, new)}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [
        name for name in {**old, **new}
        if (name in old) != (name in new) or not _same(old.get(name), new.get(name))
    ]  # fmt: skip


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple | np.ndarray) and isinstance(other, list | tuple | np.ndarray):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or bool(one == other)


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; lists are values. A trace's own identity, and templates, are left out."""
    for name, value in nested.items():
        if not before and name in ("uid", "type", "template"):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
