"""Cells that were done once are not done again: each result is a file of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from unlearnkit.files import make_folder, write_whole
from unlearnkit.unlearning.identity import RESULTS_VERSION


@dataclass(frozen=True)
class Kept:
    """`work`, with the result of each cell kept in `folder` under a hash of what describes the cell.

    A file appears whole or not at all, so whatever kills a study, the cells that had ended stay.
    """

    work: Callable[[Any], dict[str, Any]]
    folder: Path

    def __call__(self, cell: Any) -> dict[str, Any]:
        """The kept result, or a new one, kept."""
        place = self.folder / f"{self.key(cell)}.json"
        if place.exists():
            kept: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
            return kept
        result = self.work(cell)
        make_folder(self.folder)
        write_whole(place, json.dumps(result, ensure_ascii=False))
        return result

    def key(self, cell: Any) -> str:
        """Sixteen hexadecimal digits of the cell's kind, its description, the results version and torch's."""
        decided = [type(cell).__name__, cell.describe(), RESULTS_VERSION, metadata.version("torch")]
        text = json.dumps(decided, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
