"""Where the files that belong to unlearnkit lie: data/ and notebooks/.

In a wheel they travel inside the package, under `_shipped`; in a checkout, and in an editable install of one,
they lie beside it.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from unlearnkit.errors import MissingReference


def data_path(*parts: str) -> Path:
    """Find a file or folder of data/.

    Parameters
    ----------
    *parts : str
        The way down from data/; none of them: data/ itself.

    Returns
    -------
    Path
        It exists. In an installed wheel treat it as read-only.

    Raises
    ------
    MissingReference
        If it is not there.

    Examples
    --------
    >>> data_path("atlas", "countries.csv").name
    'countries.csv'
    """
    return _find("data", parts)


def notebooks_path(*parts: str) -> Path:
    """Find a file or folder of notebooks/, the lessons.

    Parameters
    ----------
    *parts : str
        The way down from notebooks/; none of them: notebooks/ itself.

    Returns
    -------
    Path
        It exists. In an installed wheel treat it as read-only: open a copy.

    Raises
    ------
    MissingReference
        If it is not there.

    Examples
    --------
    >>> notebooks_path().name
    'notebooks'
    """
    return _find("notebooks", parts)


def _find(kind: str, parts: tuple[str, ...]) -> Path:
    path = _home(kind).joinpath(*parts)
    if path.exists():
        return path
    raise MissingReference(
        f"{Path(kind, *parts).as_posix()} belongs to unlearnkit but is not at {path}. "
        "What needs it cannot run. Install unlearnkit again; in a checkout, get it back with git."
    )


def _home(kind: str) -> Path:
    package = Path(str(resources.files("unlearnkit")))
    # Beside an installed package lie other projects' folders: "data" there would be anybody's.
    beside = (package.parent / "pyproject.toml").is_file()
    return package.parent / kind if beside else package / "_shipped" / kind
