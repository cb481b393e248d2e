"""Writing a report: the place is looked at before any work, and no file is ever half-written."""

from __future__ import annotations

from pathlib import Path

from unlearnkit.errors import BadInput
from unlearnkit.studies.compare import write_whole


def writable(name: str, path: Path) -> Path:
    """The path, if a file can be there.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    path : Path

    Raises
    ------
    BadInput
        When its folder is not there, or it is a folder itself.

    Examples
    --------
    >>> writable("path", Path("no/such/folder/report.html"))
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: path: no/such/folder is no folder; nothing was written; make it, or ...
    """
    if not path.parent.is_dir():
        folder = path.parent.as_posix()
        raise BadInput(f"{name}: {folder} is no folder; nothing was written; make it, or name another")
    if path.is_dir():
        raise BadInput(f"{name}: {path.as_posix()} is a folder; nothing was written; name a file in it")
    return path


def write_report(name: str, path: Path, text: str) -> None:
    """Write it whole, or raise BadInput naming the argument."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise BadInput(
            f"{name}: {path.as_posix()} cannot be written ({error.strerror}); nothing is there; name another"
        ) from error
