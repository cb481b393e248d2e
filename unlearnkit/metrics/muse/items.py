"""The items of a JSON array or of JSON Lines, whatever the file's ending says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unlearnkit.errors import BadInput, MissingReference


def read_items(path: str | Path) -> Any:
    r"""Everything in a file: a list of items, or the object that the whole file is.

    Parameters
    ----------
    path : str or Path
        UTF-8. A file of one item counts as JSON Lines of one line, unless that item is an array.

    Returns
    -------
    list, or dict
        A dict only where the whole file is one object.

    Raises
    ------
    MissingReference
        When there is no such file.
    BadInput
        When it cannot be read, is empty, or is neither JSON nor JSON Lines; naming file and line.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "scores.json"
    ...     _ = file.write_text("2.5\n3.5\n")
    ...     read_items(file)
    [2.5, 3.5]
    """
    text = _text(Path(path)).strip()
    if not text:
        raise BadInput(f"{path} is empty; give a JSON array, or JSON Lines with one item a line")
    try:
        whole = _parse(text)
    except _NotJson as problem:
        if text[0] == "[" or "\n" not in text:
            raise BadInput(f"{path} is not JSON: {problem}; was it written to its end?") from None
        return _lines(path, text)
    return whole if isinstance(whole, list | dict) else [whole]


class _NotJson(ValueError):
    """What is wrong with a text, in words."""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise MissingReference(f"{path} is not there; give the path of a log") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is not UTF-8: byte {error.start} starts no character; save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:  # a directory, no permission, a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} cannot be read ({reason}); give the path of a log file") from None


def _lines(path: str | Path, text: str) -> list[Any]:
    items = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                items.append(_parse(line))
            except _NotJson as problem:
                raise BadInput(
                    f"{path}, line {number} is not JSON: {problem}; JSON Lines hold one whole item a line"
                ) from None
    return items


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _NotJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _NotJson("its brackets are nested too deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise _NotJson(str(error)) from None
