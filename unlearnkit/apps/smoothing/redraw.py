"""Let a figure on a page become another one in a single message, of what differs only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import plotly.graph_objects as go

Flat = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure under dotted names.

    Attributes
    ----------
    kinds : tuple of str
        What its traces are, and on which axes.
    traces : tuple of dict
    layout : dict
    """

    kinds: tuple[str, ...]
    traces: tuple[Flat, ...]
    layout: Flat

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Drawing:
        """That of a figure as plain values, without a template."""
        traces = tuple(dict(_flat(trace)) for trace in plain["data"])
        kinds = tuple(f"{trace['type']} on {trace['xaxis']}" for trace in plain["data"])
        return cls(kinds, traces, dict(_flat(plain["layout"])))


def redraw(widget: go.FigureWidget, before: Drawing, after: Drawing) -> bool:
    """Let a widget show another drawing; whether it could: traces must be of the same kinds.

    What a reader zoomed to stays, since only what differs between the two is sent.
    """
    if before.kinds != after.kinds:
        return False
    style, layout = _restyled(before.traces, after.traces), _moved(before.layout, after.layout)
    if style or layout:
        widget.plotly_update(style, layout)
    return True


def _restyled(before: tuple[Flat, ...], after: tuple[Flat, ...]) -> dict[str, list[Any]]:
    """For each property of a trace that differs, its value in every trace."""
    from plotly.basedatatypes import Undefined

    moved = [_moved(old, new) for old, new in zip(before, after, strict=True)]
    names = dict.fromkeys(name for one in moved for name in one)
    return {name: [one.get(name, Undefined) for one in moved] for name in names}


def _moved(old: Flat, new: Flat) -> Flat:
    """What differs, as it is now; None where it is gone."""
    return {name: new.get(name) for name in {**old, **new} if not _same(old.get(name), new.get(name))}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple | np.ndarray) and isinstance(other, list | tuple | np.ndarray):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or bool(one == other)


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; lists are values."""
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
