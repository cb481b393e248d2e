"""Which attacks have power, as a table in words: from the record of `unlearnkit study power`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unlearnkit.studies.attacked import read

TASKS = ("entities", "topic")
COLUMNS = (
    "attack", "plant", "entities: comes back", "topic: comes back", "never_learned gains at most",
    "has power on",
)  # fmt: skip


def power_table(record: Mapping[str, Any]) -> str:
    """One line an attack: what of the planted fragile model's held-out facts came back, over the folds.

    Parameters
    ----------
    record : mapping
        The content of data/records/power.json.

    Returns
    -------
    str
        Markdown. "comes back": held-out knowledge of the fragile model after the attack, lowest to highest
        fold, 0 to 1. "has power on": on how many tasks and folds it brings back half and more, while
        never_learned gains at most 0.05.

    Raises
    ------
    BadInput
        When a field is missing.

    Examples
    --------
    >>> from unlearnkit.resources import data_path
    >>> import json
    >>> record = json.loads(data_path("records", "power.json").read_text(encoding="utf-8"))
    >>> "| hint |" in power_table(record)
    True
    """
    met: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for place, row in enumerate(read(record, "power record", "rows")):
        where = f"power record: row {place}"
        for attack in read(row, where, "attacks"):
            met.setdefault(read(attack, where, "attack"), []).append((read(row, where, "task"), attack))
    lines = [_line(name, found) for name, found in met.items()]
    return "\n".join([f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|", *lines])


def _line(name: str, found: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    attacks = [attack for _, attack in found]
    gain = max(attack["robust_after"] - attack["robust_before"] for attack in attacks)
    powerful = sum(attack["has_power"] for attack in attacks)
    back = [_range([a["fragile_after"] for task, a in found if task == wanted]) for wanted in TASKS]
    cells = [name, attacks[0]["plant"], *back, f"{gain:.2f}", f"{powerful} of {len(attacks)}"]
    return f"| {' | '.join(cells)} |"


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"
