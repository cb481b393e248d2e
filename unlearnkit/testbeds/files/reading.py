"""Read rows: JSON, JSON Lines or parquet, told apart by what is in the file and not by its ending.

TOFU's .json files are JSON Lines, MUSE's are arrays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.files.parquet import MAGIC, parquet_rows
from unlearnkit.testbeds.files.record import Record, shown

LONGEST_LINE = 2**25  # bytes: a row of 32 MiB is no question, and would fill the memory
LARGEST_ARRAY = 2**28  # bytes: an array is read whole; JSON Lines are read line by line
MARKS = {
    b"\xef\xbb\xbf": "UTF-8 with a byte order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
BLANK = re.compile(r"[ \t\n\r]*")


def read_rows(path: str | Path) -> list[Record]:
    r"""All rows of a file, in order.

    Parameters
    ----------
    path : path
        A JSON array, JSON Lines (one row a line, read line by line), or parquet, whatever its ending.

    Returns
    -------
    list of Record
        At least one.

    Raises
    ------
    MissingReference
        When there is no such file, or it cannot be opened.
    BadInput
        When it is empty, no UTF-8, broken off, or holds something else than rows; the message names the row.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "forget01.json"
    ...     _ = file.write_text('{"question": "Who?"}\n{"question": "Where?"}\n', encoding="utf-8")
    ...     [row.text("question") for row in read_rows(file)]
    ['Who?', 'Where?']
    """
    path = Path(path)
    with open_file(path) as file:
        head = _head(path, file)
        if head.startswith(MAGIC):
            values = parquet_rows(path)
        elif path.suffix == ".parquet":
            raise BadInput(f"{path}: is no parquet file, or was broken off; write it again")
        elif head.lstrip()[:1] == b"[":
            values = _array(path, file)
        else:
            values = _lines(path, file)
        rows = [Record(str(path), number, value) for number, value in enumerate(values, 1)]
    if not rows:
        raise BadInput(f"{path}: holds no row; give it some, or take the file away")
    return rows


def read_text(path: Path) -> str:
    """A whole text file, as UTF-8; raises as `read_rows` does."""
    with open_file(path) as file:
        _head(path, file)
        text = _decode(path, file.read())
    if not text.strip():
        raise BadInput(f"{path}: holds nothing but white space; give it text, or take the file away")
    return text


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; raises MissingReference where that cannot be."""
    if path.is_dir():
        raise MissingReference(f"{path}: is a folder, where a file is needed; give the file in it")
    if not path.is_file():
        raise MissingReference(f"{path}: there is no such file; give one that is there")
    try:
        return path.open("rb")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MissingReference(f"{path}: cannot be read ({reason}); see who may read it") from error


def _head(path: Path, file: BinaryIO) -> bytes:
    """The first bytes, with the file back at its start."""
    head = file.read(64)
    file.seek(0)
    if not head:
        raise BadInput(f"{path}: is empty (0 bytes); write it again, or take the file away")
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            raise BadInput(f"{path}: is {encoding}, and rows are read as plain UTF-8; save it as that")
    return head


def _lines(path: Path, file: BinaryIO) -> Iterator[Any]:
    """JSON Lines: one value a line."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        where = f"{path}, row {number}"
        if len(line) > LONGEST_LINE:
            raise BadInput(f"{where}: is longer than {LONGEST_LINE:,} bytes; split it into several rows")
        text = _decode(where, line)
        if not text.strip():
            raise BadInput(f"{where}: is a blank line; take it out")
        value, end = _value(where, text, 0)
        if text[end:].strip():
            raise BadInput(f"{where}: something stands after the row: {shown(text[end:].strip())}; "
                           "a file is one JSON array, or one row a line")  # fmt: skip
        yield value


def _array(path: Path, file: BinaryIO) -> Iterator[Any]:
    """The entries of a JSON array, one after another, so that a fault in one can be named."""
    data = file.read(LARGEST_ARRAY + 1)
    if len(data) > LARGEST_ARRAY:
        raise BadInput(
            f"{path}: an array of more than {LARGEST_ARRAY:,} bytes, which would be read whole; write it as "
            "JSON Lines, one row a line"
        )
    text = _decode(path, data)
    place = _skip(text, text.index("[") + 1)
    number = 0
    while text[place : place + 1] != "]" or number:
        number += 1
        where = f"{path}, row {number}"
        value, place = _value(where, text, place)
        yield value
        place = _skip(text, place)
        follows = text[place : place + 1]
        if follows == "]":
            break
        if follows != ",":
            given = f"{shown(follows)} does" if follows else "the file is broken off"
            raise BadInput(f"{where}: a comma or the end of the array must follow it; {given}")
        place = _skip(text, place + 1)
    if text[place + 1 :].strip():
        raise BadInput(f"{path}: something stands after the array; a file is one array, or one row a line")


def _skip(text: str, place: int) -> int:
    found = BLANK.match(text, place)
    return place if found is None else found.end()


def _value(where: str, text: str, place: int) -> tuple[Any, int]:
    """The JSON value that starts at a place, and where it ends."""
    try:
        return _DECODER.raw_decode(text, _skip(text, place))
    except json.JSONDecodeError as error:
        column = error.pos - place + 1
        raise BadInput(f"{where}: is no JSON: {error.msg} at character {column}; "
                       "a file is one JSON array, or one row a line") from error  # fmt: skip
    except (
        ValueError,
        RecursionError,
    ) as error:  # NaN, a field twice, a number of 5,000 digits, 10,000 brackets
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise BadInput(f"{where}: {reason}; write the row as plain JSON") from error


def _decode(where: object, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{where}: byte {error.start + 1} is no UTF-8 (0x{data[error.start]:02x}); save the file as UTF-8"
        ) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _fields_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {shown(twice)} stands there twice")
    return fields


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_fields_once)
