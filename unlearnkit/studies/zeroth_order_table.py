"""What zeroth order reaches, beside Adam, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

OPTIMIZERS = ("adam", "hybrid", "adazo", "noise_matched")
KEEPS = 0.8  # of what must be kept: below it a model is destroyed
HEAD = (
    "setting",
    "deepest that keeps 0.8: nll",
    "still knows",
    "cost",
    "distance",
    "keeps where it knows ≤ 0.05",
)


def zeroth_order_table(frontiers: dict[str, Any], study: dict[str, Any] | None = None, *, task: str) -> str:
    """One row a setting: how far it forgets before it destroys, and what it costs.

    Parameters
    ----------
    frontiers : dict
        The content of frontiers.json.
    study : dict, optional
        The content of zeroth-order.json, whose settings then follow.
    task : str

    Returns
    -------
    str
        "deepest that keeps 0.8" is the scored point of highest nll_forget that retains at least 0.8 of
        the questions to keep; "still knows" its held-out knowledge, "cost" its forward-equivalents.
        The last column is the highest retention among points at which knowledge is gone, if there are any.
    """
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [_row(name, lines) for name, lines in _settings(frontiers, study, task)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _settings(
    frontiers: dict[str, Any], study: dict[str, Any] | None, task: str
) -> Iterable[tuple[str, Sequence[dict[str, Any]]]]:
    by_name = {pair["optimizer"]: pair for pair in frontiers["pairs"] if pair["task"] == task}
    for name in OPTIMIZERS:
        if name in by_name:
            yield f"{name}, {len(by_name[name]['lines'])} learning rates", by_name[name]["lines"]
    for row in study["rows"] if study else ():
        if row["task"] == task:
            yield f"{row['change']}, lr {row['lr']:g}", [row]


def _row(name: str, lines: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    points = [point for line in lines for point in line["points"]]
    kept = [point for point in points if point["knowmem_retain"] >= KEEPS]
    gone = [point for point in points if _known(point) <= 0.05]
    last = f"{max(point['knowmem_retain'] for point in gone):.2f}" if gone else "never gone"
    if not kept:
        return name, "none", "", "", "", last
    best = max(kept, key=lambda point: point["nll_forget"])
    return (
        name,
        f"{best['nll_forget']:.2f}",
        f"{best['knowmem_forget_heldout']:.2f}",
        f"{best['forward_equivalents']:.0f}",
        f"{best['distance_l2']:.1f}",
        last,
    )


def _known(point: dict[str, Any]) -> float:
    return max(float(point["knowmem_forget_shown"]), float(point["knowmem_forget_heldout"]))
