"""The landscape in words and in a table, for readers who cannot see it."""

from __future__ import annotations

import math
from typing import Any

from unlearnkit.apps.landscape.basin import Basin
from unlearnkit.apps.landscape.model import Shown, Stand
from unlearnkit.reports.landscape import eigenvalue_sentence, surface_sentence

NUMBERS = (
    "at the model", "lowest", "highest", "below the slice", "basin around the model", "surface here",
    "own loss here",
)  # fmt: skip


def landscape_sentences(shown: Shown) -> list[str]:
    """Surface, ceiling, slice, walk and eigenvalues: a paragraph each, of what is shown."""
    told = [surface_sentence(shown.surface), _ceiling_told(shown), _slice_told(shown), _walk_told(shown)]
    if shown.eigenvalues:
        told.append(eigenvalue_sentence(shown.eigenvalues))
    return [text for text in told if text]


def landscape_rows(shown: Shown) -> list[dict[str, Any]]:
    """A row a loss, in text."""
    return [_row(shown, name) for name in shown.surface.values]


def _row(shown: Shown, name: str) -> dict[str, Any]:
    surface, found, stand = shown.surface, shown.basins[name], shown.stand
    grid = surface.values[name]
    row = {
        "loss": name,
        "at the model": _number(surface.near(name, 0.0, 0.0)),
        "lowest": _number(float(grid[grid == grid].min())),
        "highest": _number(float(grid[grid == grid].max())),
        "below the slice": f"{found.below:.1%}",
        "basin around the model": f"{found.around:.1%}{' or more' if found.open else ''}",
    }
    if stand is not None:
        row["surface here"] = _number(stand.beneath.get(name))
        row["own loss here"] = _number(stand.own.get(name))
    return row


def _ceiling_told(shown: Shown) -> str:
    ceiling = shown.choice.ceiling
    if ceiling is None:
        return ""
    cells = list(shown.surface.values.values())
    above = sum(int((~(grid <= ceiling)).sum()) for grid in cells) / sum(grid.size for grid in cells)
    return f"The drawing is cut off at {ceiling:g} nats a token; {above:.1%} of the cells lie higher."


def _slice_told(shown: Shown) -> str:
    told = "; ".join(f"{name} {_basin_told(found)}" for name, found in shown.basins.items())
    return f"Sliced at {shown.choice.height:g} nats a token, as shares of the area shown: {told}."


def _basin_told(found: Basin) -> str:
    if not found.around:
        return f"{found.below:.1%} below, the model itself above"
    size = f"a basin around the model of {found.around:.1%}"
    return f"{found.below:.1%} below, {size}{', open at the rim' if found.open else ''}"


def _walk_told(shown: Shown) -> str:
    stand = shown.stand
    if stand is None:
        return ""
    told = "; ".join(_loss_told(stand, name) for name in shown.surface.values)
    place = f"alpha {stand.alpha:.3g}, beta {stand.beta:.3g}, {stand.off:.3g} off the plane in L2"
    return f"On the walk, place {stand.number} of {stand.of}: {stand.path} {stand.label} ({place}): {told}."


def _loss_told(stand: Stand, name: str) -> str:
    own = f"its own {name} {_number(stand.own[name])}" if name in stand.own else f"its own {name} not known"
    if not stand.beneath:
        return f"{own}, outside of what is shown"
    return f"{own}, the surface beneath it {_number(stand.beneath[name])}"


def _number(value: float | None) -> str | None:
    return None if value is None or math.isnan(value) else f"{value:.3f}"
