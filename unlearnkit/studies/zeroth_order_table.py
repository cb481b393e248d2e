"""What zeroth order reaches, beside Adam, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unlearnkit.studies.attacked import rate_text

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


SETTINGS_HEAD = ("setting", "half forgotten: keeps", "at the end: nll", "knows", "keeps", "cost")


def zeroth_order_table(frontiers: dict[str, Any], *, task: str) -> str:
    """One row a setting: how far it forgets before it destroys, and what it costs.

    Parameters
    ----------
    frontiers : dict
        The content of frontiers.json.
    task : str

    Returns
    -------
    str
        "deepest that keeps 0.8" is the scored point of highest nll_forget that retains at least 0.8 of
        the questions to keep; "still knows" its held-out knowledge, "cost" its forward-equivalents.
        The last column is the highest retention among points at which knowledge is gone, if there are any.
    """
    by_name = {pair["optimizer"]: pair["lines"] for pair in frontiers["pairs"] if pair["task"] == task}
    found = {name: by_name[name] for name in OPTIMIZERS if name in by_name}
    rows = [_row(f"{name}, {len(lines)} learning rates", lines) for name, lines in found.items()]
    return _markdown(HEAD, rows)


def zeroth_order_settings_table(study: dict[str, Any], *, task: str) -> str:
    """One row a setting of AdaZO: what it still keeps when half is forgotten, and where its budget ends.

    Parameters
    ----------
    study : dict
        The content of data/records/zeroth-order.json.
    task : str

    Returns
    -------
    str
        "half forgotten: keeps" is the knowledge to retain at the first scored point that knows at most half
        of what must be forgotten; "knows" the greater of shown and held-out knowledge, "cost" the
        forward-equivalents at the last point.
    """
    lines = [row for row in study["rows"] if row["task"] == task]
    return _markdown(SETTINGS_HEAD, [_settings_row(line) for line in lines])


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _settings_row(line: dict[str, Any]) -> tuple[str, ...]:
    points, last = line["points"], line["points"][-1]
    half = next((f"{p['knowmem_retain']:.2f}" for p in points if _known(p) <= 0.5), "not reached")
    return (
        f"{line['change']}, lr {rate_text(line['lr'])}",
        half,
        f"{last['nll_forget']:.2f}",
        f"{_known(last):.2f}",
        f"{last['knowmem_retain']:.2f}",
        f"{last['forward_equivalents']:.0f}",
    )


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
