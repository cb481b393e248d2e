"""What every objective of the catalogue does on both tasks, at one cost, as a table in Markdown."""

from __future__ import annotations

from typing import Any

from unlearnkit import objectives
from unlearnkit.studies.grades_table import CHOSEN, chosen_cells, markdown

HEAD = ("objective", "optimizer", "task", *CHOSEN)


def objectives_table(frontiers: dict[str, Any]) -> str:
    """One row an objective, optimizer and task: the point that calibration's rule chose on its frontier.

    Parameters
    ----------
    frontiers : dict
        The content of data/calibration/objectives.json, or of any frontiers.json.

    Returns
    -------
    str
        In the order of the catalogue; the cells are those of `grades_table`.
    """
    order = {name: place for place, name in enumerate(objectives.catalogue().name)}
    pairs = sorted(
        frontiers["pairs"], key=lambda pair: (order[pair["objective"]], pair["optimizer"], pair["task"])
    )
    named = ("objective", "optimizer", "task")
    return markdown(HEAD, ((*(pair[name] for name in named), *chosen_cells(pair)) for pair in pairs))
