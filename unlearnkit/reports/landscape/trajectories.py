"""Trajectories on a surface: at the models' own losses, with their distance from the plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.flatness import Surface, Trajectory
from unlearnkit.reports.looks import DASHES, MARKERS, OKABE_ITO

# Bright ones first, which stand out from the dark half of the scale; the second of all is that of marks.
COLOURS = tuple(OKABE_ITO[number] for number in (3, 5, 2, 4, 0))
SOLIDS = (*MARKERS[:3], "cross", "x")  # those that plotly has in three dimensions


def require_few(surface: Surface) -> None:
    """Raise BadInput for more trajectories than can be told apart."""
    if len(surface.trajectories) > len(COLOURS):
        raise BadInput(
            f"surface: {len(COLOURS)} trajectories at most in one figure, but it has "
            f"{len(surface.trajectories)}; leave some out with dataclasses.replace()"
        )


def lines(surface: Surface, loss: str, top: float) -> Iterator[Any]:
    """Every trajectory as a line over a landscape, its steps marked, cut off where the landscape is."""
    import plotly.graph_objects as go

    for number, way, shared in _each(surface, loss):
        yield go.Scatter3d(
            x=way.alphas, y=way.betas, z=_below(way.values[loss], top), mode="lines+markers",
            line={"color": COLOURS[number], "width": 6, "dash": DASHES[number]},
            marker={"color": COLOURS[number], "size": 4, "symbol": SOLIDS[number]}, **shared,
        )  # fmt: skip


def paths(surface: Surface, loss: str, limits: tuple[float, float], scale: str) -> Iterator[Any]:
    """Every trajectory as a line over a map; its steps have their own losses' colour on the map's scale."""
    import plotly.graph_objects as go

    for number, way, shared in _each(surface, loss):
        inside = {"color": _below(way.values[loss], limits[1]), "cmin": limits[0], "cmax": limits[1]}
        outline = {"color": COLOURS[number], "width": 2}
        yield go.Scatter(
            x=way.alphas, y=way.betas, mode="lines+markers",
            line={"color": COLOURS[number], "width": 3, "dash": DASHES[number]},
            marker={**inside, "colorscale": scale, "line": outline, "size": 10, "symbol": MARKERS[number]},
            **shared,
        )  # fmt: skip


def own_losses(surface: Surface) -> list[float]:
    """Every one of the losses that are drawn, over all trajectories."""
    ways = surface.trajectories.values()
    return [own for way in ways for name in surface.values for own in way.values.get(name, ())]


def trajectories_told(surface: Surface, names: Sequence[str]) -> str:
    """The trajectories in words: own losses against those of the surface beneath, and distances from it."""
    return "".join(f" {_told(surface, name, way, names)}" for name, way in surface.trajectories.items())


def _each(surface: Surface, loss: str) -> Iterator[tuple[int, Trajectory, dict[str, Any]]]:
    """Those that have this loss, by number, with what is said of their steps; one legend for all panels."""
    for number, (name, way) in enumerate(surface.trajectories.items()):
        having = [each for each in surface.values if each in way.values]
        if loss in having:
            said = _said(surface, loss, name, way)
            yield number, way, {
                "name": name, "legendgroup": name, "showlegend": loss == having[0], "hovertext": said,
                "hoverinfo": "text",
            }  # fmt: skip


def _below(own: Sequence[float], top: float) -> list[float]:
    return [min(value, top) for value in own]


def _said(surface: Surface, loss: str, name: str, way: Trajectory) -> list[str]:
    steps = zip(way.labels, way.values[loss], _beneath(surface, loss, way), way.off, strict=True)
    return [
        f"{name} {label}: {own:.3f} nats a token of its own<br>{loss} on the surface beneath: {under:.3f}<br>"
        f"off the plane: {off:.3g}"
        for label, own, under, off in steps
    ]


def _beneath(surface: Surface, loss: str, way: Trajectory) -> list[float]:
    return [surface.near(loss, alpha, beta) for alpha, beta in zip(way.alphas, way.betas, strict=True)]


def _told(surface: Surface, name: str, way: Trajectory, names: Sequence[str]) -> str:
    losses = [
        f"{loss} {_ends(way.values[loss])} of their own, {_ends(_beneath(surface, loss, way))} on the "
        "surface beneath"
        for loss in names
        if loss in way.values
    ]
    steps = f"{len(way.labels)} models, {way.labels[0]} to {way.labels[-1]}"
    away = f"{_ends(way.off, '.3g')} off the plane, {max(way.off):.3g} at most"
    return f"{name} ({steps}): {'; '.join([*losses, away])}."


def _ends(values: Sequence[float], form: str = ".3f") -> str:
    return f"{values[0]:{form}} to {values[-1]:{form}}"
