"""Files that are there whole or not at all, whatever stops the program that writes them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from unlearnkit.errors import UnlearnkitError


class CannotWrite(UnlearnkitError):
    """A result could not be written: the disk is full, or the folder went away."""

    @property
    def reason(self) -> str:
        """The system's own words."""
        return getattr(self.__cause__, "strerror", None) or "no reason given"


FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Write a text file so that it is there whole or not at all, whoever else writes it at the same time.

    Parameters
    ----------
    path : Path
        A file that is there already is replaced in one go.
    text : str or iterable of str
        One text, or its parts in order.

    Raises
    ------
    CannotWrite
        When the system refuses; no draft stays behind, and what was there before still is.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "result.txt", "done")
    ...     (Path(folder) / "result.txt").read_text()
    'done'
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}.unfinished")
    try:
        try:
            with draft.open("x", encoding="utf-8", newline="\n") as file:
                file.writelines([text] if isinstance(text, str) else text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise in_words(path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it; raises CannotWrite where the system refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise in_words(path, error) from error


def in_words(path: Path, error: OSError) -> CannotWrite:
    """Build the error for a file or folder that the system refuses to write."""
    way_out = "make room" if error.errno in FULL else "see that its folder can be written to"
    return CannotWrite(
        f"{path} cannot be written ({error.strerror}); what was finished before is kept: {way_out}, then "
        "start the same command again"
    )
