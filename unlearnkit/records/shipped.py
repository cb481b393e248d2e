"""The records that ship with unlearnkit, and the store that is meant when none is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unlearnkit.errors import MissingReference
from unlearnkit.records.store import RunStore
from unlearnkit.resources import data_path

DEFAULT = "runs.sqlite"


def default_store() -> RunStore:
    """./runs.sqlite if there is one, else the records that ship with unlearnkit.

    The shipped ones can be read and exported, and are not changed.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> uk.records.default_store().count(optimizer="adam") > 0
    True
    """
    place = Path(DEFAULT)
    return RunStore(place) if place.exists() else shipped_store()


def shipped_store() -> RunStore:
    """The comparisons of data/records, in memory; studies keep their records in files of their own."""
    return RunStore.in_memory(shipped_results(), read_only=True)


def shipped_results() -> Iterator[dict[str, Any]]:
    """The content of each shipped results.json, by name; studies name no testbed and are passed over."""
    contents = (_read(path) for path in sorted(data_path("records").glob("*.json")))
    found = [content for content in contents if "testbed" in content]
    if not found:
        raise MissingReference("data/records holds no comparison; install unlearnkit again")
    yield from found


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
