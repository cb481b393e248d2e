"""What is installed in this environment, held against what unlearnkit declares that it needs.

It is read from the metadata that pip reads, so no list here can drift from pyproject.toml.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from unlearnkit.errors import MissingReference

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE = "unlearnkit"


@dataclass(frozen=True)
class Need:
    """One declared requirement and what this environment has of it.

    `found`: the installed version, or None. `extra`: the extra that asks for it, "" for none.
    """

    requirement: Requirement
    extra: str
    found: str | None

    @property
    def name(self) -> str:
        """The distribution's name."""
        return self.requirement.name

    @property
    def range(self) -> str:
        """The versions that will do, such as ">=2.8,<2.14"; "any version" where none is excluded."""
        return str(self.requirement.specifier) or "any version"

    @property
    def satisfied(self) -> bool:
        """Whether a version in the range is installed; a pre-release counts as its version."""
        if self.found is None:
            return False
        return self.requirement.specifier.contains(self.found, prereleases=True)

    @property
    def to_install(self) -> str:
        """What pip understands: name and range."""
        return f"{self.requirement.name}{self.requirement.specifier}"


def needs() -> list[Need]:
    """Every requirement that applies on this system, those of the extras included.

    Raises
    ------
    MissingReference
        When unlearnkit itself, or `packaging`, is not installed.
    """
    require_module("packaging", "packaging")
    try:
        declared = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise MissingReference(
            f"{PACKAGE} is not installed in this environment, only found on the path, so nothing "
            f"says what it needs; in its folder, run: {pip_install('-e', '.')}"
        ) from error
    return [need for text in declared for need in _read(text)]


def _read(text: str) -> Iterator[Need]:
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    marker = requirement.marker
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", text)
    name = extra[1] if extra else ""
    applies = marker is None or marker.evaluate({"extra": name})
    if applies and requirement.name != PACKAGE:  # an extra may stand for another one
        yield Need(requirement, name, _version(requirement.name))


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def pip_install(*what: str) -> str:
    """The command that installs something into this very environment.

    Examples
    --------
    >>> pip_install("torch>=2.8,<2.14").endswith('-m pip install "torch>=2.8,<2.14"')
    True
    """
    quoted = [f'"{part}"' if re.search(r"[<>=!~ \[;*]", part) else part for part in what]
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip install {' '.join(quoted)}"


def require_module(module: str, distribution: str) -> None:
    """Raise MissingReference, with the command that brings it, unless a module can be found."""
    if importlib.util.find_spec(module) is None:
        raise MissingReference(
            f"{distribution} is not installed in this environment; run: {pip_install(distribution)}"
        )
