"""An append-only file of finished pieces of work: what is in it is never done again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """Records by key, one JSON object a line, each on the disk before the next piece begins.

    A process killed while writing leaves at most one torn last line, which the next reader drops. One
    writer a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = dict(self._read())

    def get(self, key: str) -> dict[str, Any] | None:
        """The record of a key, or None."""
        return self._records.get(key)

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Write a record through to the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, "record": record}, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._records[key] = record

    def _read(self) -> list[tuple[str, dict[str, Any]]]:
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # torn: the next line must not be glued to it
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        # Not splitlines(): a text may hold other line separators, which JSON leaves as they are.
        lines = [json.loads(line) for line in whole.split(b"\n")[:-1]]
        return [(line["key"], line["record"]) for line in lines]
