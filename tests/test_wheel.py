"""A wheel, installed in an empty folder, has the data and the lessons with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

LOOK = """
import json, unlearnkit
from importlib import metadata
from unlearnkit.resources import data_path, notebooks_path
print(json.dumps({
    "package": unlearnkit.__file__,
    "version": metadata.version("unlearnkit"),
    "commands": [entry.value for entry in metadata.distribution("unlearnkit").entry_points],
    "typed": str(data_path().parent.parent / "py.typed"),
    "facts": str(data_path("atlas", "countries.csv")),
    "page": str(data_path().parent.parent / "reports" / "page" / "page.html"),
    "lessons": [str(path) for path in notebooks_path().glob("*.ipynb")],
}))
"""


@pytest.fixture(scope="module", params=["checkout", "sdist"])
def installed(request, install, tmp_path_factory):
    """Where a wheel was installed that was built from the checkout, or from its sdist."""
    if request.param == "checkout":
        return request.getfixturevalue("wheel")
    folder = tmp_path_factory.mktemp(request.param)
    return install(_build_sdist(folder / "sdist"), folder)


def test_an_installed_wheel_finds_its_own_files(installed, tmp_path):
    found = json.loads(_python("-c", LOOK, cwd=tmp_path, env={"PYTHONPATH": str(installed)}))
    assert found["version"] == VERSION
    assert found["commands"] == ["unlearnkit.cli:main"]
    assert found["lessons"]
    for path in [found["package"], found["typed"], found["facts"], found["page"], *found["lessons"]]:
        assert Path(path).is_file()
        assert installed in Path(path).parents


def test_a_wheel_holds_nothing_but_the_package(installed):
    assert {path.name for path in installed.iterdir()} - {"bin"} == {
        "unlearnkit",
        f"unlearnkit-{VERSION}.dist-info",
    }


def test_a_wheel_holds_every_file_of_the_package(installed):
    """The pages and scripts of views and reports, too."""
    package = ROOT / "unlearnkit"
    files = [path.relative_to(package) for path in package.rglob("*") if path.is_file()]
    wanted = {path for path in files if "__pycache__" not in path.parts}
    assert {path.suffix for path in wanted} >= {".py", ".js", ".html"}
    assert not {path for path in wanted if not (installed / "unlearnkit" / path).is_file()}


def _build_sdist(folder: Path) -> Path:
    _python("-m", "hatchling", "build", "-t", "sdist", "-d", folder)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _python(*arguments: object, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,  # what it said is shown instead
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
