"""Values from the command line: lists and whole numbers."""

from __future__ import annotations

from unlearnkit.errors import BadInput

GOES_ON = "what was finished is kept: the same command goes on from there"


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list, white space and empty parts dropped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def whole_number(name: str, text: str) -> int:
    """An integer from the command line; raises BadInput for anything else."""
    try:
        return int(text)
    except ValueError as error:
        raise BadInput(f'{name} must be a whole number, not "{text}"') from error
