"""The folder of a benchmark's files: a local one, or a data set of the hub, fetched when its id is given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unlearnkit.errors import MissingReference

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
ENDINGS = (".json", ".jsonl", ".parquet")


def folder_of(family: str, path: str, parts: Sequence[str]) -> Path:
    """Where the files lie. A local folder goes first; of a hub id these parts are fetched and nothing else.

    Parts are patterns such as "retain99*". WMDP's hazardous corpora are never fetched, whatever is asked for.

    Raises
    ------
    MissingReference
        When there is neither such a folder nor such a data set, or the hub cannot be reached.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise MissingReference(f"testbed: {path} is a file; give the folder that it lies in")
    if not HUB_ID.fullmatch(path) or path.startswith("."):
        raise MissingReference(
            f"testbed: {path} is no folder here and no hub id (OWNER/NAME); give a folder of "
            f"{family.upper()} files"
        )
    return _fetched(path, [f"{part}{ending}" for part in parts for ending in ENDINGS])


def _fetched(name: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            name, repo_type="dataset", allow_patterns=patterns, ignore_patterns=["*corpus*", "*corpora*"]
        )
    except Exception as error:  # the hub's, the client's and the network's have no class in common
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise MissingReference(
            f"testbed: {name} is no folder here, and could not be fetched from the hub ({reason}); "
            "give a folder, or see whether the network and the name are right"
        ) from error
    return Path(found)
