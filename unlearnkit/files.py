"""Files that are there whole or not at all, whatever stops the program that writes them."""

from __future__ import annotations

from pathlib import Path

from unlearnkit.errors import UnlearnkitError


class CannotWrite(UnlearnkitError):
    """A result could not be written: the disk is full, or the folder went away."""

    @property
    def reason(self) -> str:
        """The system's own words."""
        return getattr(self.__cause__, "strerror", None) or "no reason given"


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        A file that is there already is replaced in one go.
    text : str

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
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CannotWrite(
            f"{path} cannot be written ({error.strerror}); what was finished before is kept: make room, then "
            "start the same command again"
        ) from error
