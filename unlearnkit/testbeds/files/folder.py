"""Find a benchmark's parts in its folder, under the names and in the forms that they are published in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unlearnkit.errors import BadInput, MissingReference, unknown_name
from unlearnkit.testbeds.files.reading import read_rows
from unlearnkit.testbeds.files.record import Record

ENDINGS = (".json", ".jsonl", ".parquet")
SHARD = "[0-9]" * 5 + "-of-" + "[0-9]" * 5 + ".parquet"


def files_of(folder: Path, part: str) -> list[Path]:
    """The files of a part such as "forget01" or "raw/forget", in order; none where it is missing.

    Parameters
    ----------
    folder : Path
    part : str
        As PART.json, PART.jsonl or PART.parquet, as PART-00000-of-00002.parquet and so on, or as a folder
        PART of such shards.

    Raises
    ------
    BadInput
        When it is there in two forms: which one is meant cannot be told.
    """
    place = folder / part
    single = [place.with_name(place.name + ending) for ending in ENDINGS]
    forms = [[path] for path in single if path.exists()]
    forms += [shards for shards in (_shards(place.parent, f"{place.name}-"), _inside(place)) if shards]
    if len(forms) > 1:
        found = " and ".join(str(form[0]) for form in forms)
        raise BadInput(f"{found}: both hold {part!r}, and only one can be meant; take one away")
    return forms[0] if forms else []


def rows_of(folder: Path, part: str) -> list[Record]:
    """The rows of a part; an empty list where it is missing. Raises as `read_rows` does."""
    return [row for file in files_of(folder, part) for row in read_rows(file)]


def required_rows(folder: Path, part: str, why: str) -> list[Record]:
    """The rows of a part that cannot be done without.

    Raises
    ------
    MissingReference
        When it is missing; the message says what for it is needed.
    """
    rows = rows_of(folder, part)
    if not rows:
        raise MissingReference(
            f"{folder}: has no {part}.json (nor .jsonl, nor .parquet), {why}; "
            f"the folder holds {contents(folder)}"
        )
    return rows


def names_like(folder: Path, pattern: str) -> list[str]:
    """The parts of a folder whose whole name matches, sorted, each once."""
    stems = (re.sub(r"(-\d{5}-of-\d{5})?\.(json|jsonl|parquet)$", "", path.name) for path in _entries(folder))
    return sorted({stem for stem in stems if re.fullmatch(pattern, stem)})


def contents(folder: Path) -> str:
    """A few of the names in a folder, for messages."""
    names = sorted(path.name for path in _entries(folder))
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or "nothing"


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MissingReference(f"{folder}: cannot be looked into ({reason}); give a folder") from error


def _shards(folder: Path, start: str) -> list[Path]:
    return sorted(folder.glob(f"{start}{SHARD}")) if folder.is_dir() else []


def _inside(folder: Path) -> list[Path]:
    """The shards in a folder; of several splits, the one that is asked: "test"."""
    shards = _shards(folder, "*-")
    splits = {path.name.partition("-")[0] for path in shards}
    if len(splits) > 1 and "test" not in splits:
        raise BadInput(f"{folder}: holds the splits {', '.join(sorted(splits))}, and only one can be meant; "
                       "take the others away")  # fmt: skip
    return [path for path in shards if len(splits) == 1 or path.name.startswith("test-")]


def picked(folder: Path, task: str | None, *, known: Sequence[str], lacks: str) -> str:
    """The task that is asked for, or the only one that a folder holds.

    Raises
    ------
    MissingReference
        When it holds none; `lacks` says of what.
    BadInput, UnknownName
        When it holds several and none is asked for, or not the one that is.
    """
    if not known:
        raise MissingReference(f"{folder}: has {lacks}; it holds {contents(folder)}")
    if task is None and len(known) > 1:
        raise BadInput(f'task: {folder} holds {", ".join(known)}; say which, as task="{known[0]}"')
    if task is not None and task not in known:
        raise unknown_name("task", task, known)
    return known[0] if task is None else task
