"""What every optimizer of the catalogue does on one task, at one cost, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from unlearnkit import optim
from unlearnkit.studies.attacked import rate_text

CHOSEN = ("outcome", "status", "lr", "steps", "cost", "depth", "knows", "keeps", "distance")
HEAD = ("optimizer", "grade", *CHOSEN)


def grades_table(frontiers: dict[str, Any], *, task: str) -> str:
    """One row an optimizer: the point that calibration's rule chose on its frontier.

    Parameters
    ----------
    frontiers : dict
        The content of data/calibration/catalogue.json, or of any frontiers.json.
    task : str

    Returns
    -------
    str
        In the order of the catalogue. "outcome": whether a learning rate was found that forgets, to the
        depth of never_learned, and keeps the rest; "status": what the chosen point is. "cost": its
        forward-equivalents.
        "depth": its nll_forget in multiples of never_learned's. "knows": shown / held out. "keeps": share of
        the questions to keep. "distance": L2.
    """
    found = {pair["optimizer"]: pair for pair in frontiers["pairs"] if pair["task"] == task}
    rows = [_row(entry, found[entry]) for entry in optim.catalogue().name if entry in found]
    return markdown(HEAD, rows)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells under a head, as Markdown has tables."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def _row(name: str, pair: dict[str, Any]) -> tuple[str, ...]:
    return (name, optim.find(name).grade, *chosen_cells(pair))


def chosen_cells(pair: dict[str, Any]) -> tuple[str, ...]:
    """The chosen point of a pair, as `CHOSEN` names its cells."""
    choice = pair["choice"]
    return (
        choice["outcome"],
        choice["status"],
        rate_text(choice["lr"]),
        str(choice["steps"]),
        f"{choice['forward_equivalents']:.0f}",
        f"{choice['nll_forget'] / pair['never_learned']['nll_forget']:.2f}",
        f"{choice['knowmem_forget_shown']:.2f} / {choice['knowmem_forget_heldout']:.2f}",
        f"{choice['knowmem_retain']:.2f}",
        f"{choice['distance_l2']:.1f}",
    )
