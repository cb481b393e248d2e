"""The checks behind `unlearnkit doctor`: one function a question, none of which raises."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import groupby
from pathlib import Path

from unlearnkit.cli.installation import PACKAGE, Need, needs, pip_install
from unlearnkit.errors import MissingReference
from unlearnkit.resources import data_path, notebooks_path

OK, MISSING, OPTIONAL = "ok", "missing", "optional"
CHECKPOINT_FILES = ("config.json", "model.safetensors", "tokenizer.json")
# What draws in JupyterLab: folders that the wheels of ipywidgets, anywidget and plotly bring.
EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": "jupyterlab-widgets",
    "anywidget": "anywidget",
    "jupyterlab-plotly": "plotly",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER_MENDS = {
    "Linux": "apt-get install chromium (or your system's own way)",
    "Darwin": "brew install --cask chromium",
    "Windows": "winget install Google.Chrome",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    `status`: "ok", "missing" (required) or "optional" (absent, and only some things need it).
    `mend`: the exact command that brings it, "" where nothing is to be done.
    """

    name: str
    status: str
    found: str
    needed: str
    mend: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain strings, ready for JSON."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look at everything, in the order in which it is needed."""
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        check_python, check_packages, check_torch, check_data, check_checkpoints,
        check_kernel, check_extensions, check_browser, check_folder,
    )  # fmt: skip
    return [finding for check in checks for finding in check()]


def check_python() -> Iterator[Finding]:
    """The interpreter against our own metadata."""
    try:
        from packaging.specifiers import SpecifierSet

        needed = metadata.metadata(PACKAGE)["Requires-Python"]
    except (ImportError, metadata.PackageNotFoundError):
        return  # the next check says what is not installed
    found = platform.python_version()
    good = SpecifierSet(needed).contains(found, prereleases=True)
    mend = f"install Python {needed}, make a new environment with it, and install {PACKAGE} there"
    yield _required("Python", good, found, needed, mend)


def check_packages() -> Iterator[Finding]:
    """Every declared dependency, then every extra as one."""
    try:
        declared = needs()
    except MissingReference as error:
        cause, _, command = str(error).rpartition("run: ")
        yield Finding(PACKAGE, MISSING, _shortened(cause), "installed, with its metadata", command)
        return
    for need in declared:
        if not need.extra:
            found = need.found or "not installed"
            yield _required(need.name, need.satisfied, found, need.range, pip_install(need.to_install))
    extras = sorted((need for need in declared if need.extra), key=lambda need: need.extra)
    for extra, wanted in groupby(extras, key=lambda need: need.extra):
        yield _extra(extra, list(wanted))


def _extra(name: str, wanted: list[Need]) -> Finding:
    absent = [need for need in wanted if not need.satisfied]
    needed = ", ".join(need.to_install for need in wanted)
    if not absent:
        return Finding(f"extra {name}", OK, "complete", _shortened(needed))
    found = "lacks " + ", ".join(need.name for need in absent)
    mend = pip_install(*(need.to_install for need in absent))
    return Finding(f"extra {name}", OPTIONAL, _shortened(found), _shortened(needed), mend)


def _shortened(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def check_torch() -> Iterator[Finding]:
    """Whether torch really loads, its threads, and a GPU."""
    try:
        import torch
    except (ImportError, OSError) as error:  # a broken library raises OSError
        mend = pip_install("--force-reinstall", "torch")
        yield Finding("torch loads", MISSING, _shortened(f"no: {error}"), "yes", mend)
        return
    cores = os.cpu_count()
    yield Finding(
        "threads", OK, f"torch uses {torch.get_num_threads()}, the machine has {cores}", "1 or more"
    )
    if torch.cuda.is_available():
        yield Finding("GPU", OK, torch.cuda.get_device_name(0), "none for the lessons")
    else:
        yield Finding("GPU", OPTIONAL, "none that torch can use", "none for the lessons")


def check_data() -> Iterator[Finding]:
    """The facts and the lessons that ship."""
    places: tuple[tuple[str, Callable[[], Path], str], ...] = (
        ("facts", lambda: data_path("atlas", "countries.csv"), "data/atlas/countries.csv"),
        ("presets", lambda: data_path("presets.json"), "data/presets.json"),
        ("lessons", notebooks_path, "notebooks/"),
    )
    for name, find, needed in places:
        try:
            find()
        except MissingReference:
            yield Finding(name, MISSING, "not there", needed, _reinstall())
        else:
            yield Finding(name, OK, "there", needed)


def _reinstall() -> str:
    """A checkout gets its files back with git, an installed wheel from pip."""
    if (Path(__file__).parents[2] / "pyproject.toml").is_file():
        return "git checkout -- data notebooks"
    return pip_install("--force-reinstall", "--no-deps", PACKAGE)


def check_checkpoints() -> Iterator[Finding]:
    """The lab's target and controls, file by file."""
    try:
        from unlearnkit.testbeds.atlas.checkpoints import shipped_checkpoints
    except (ImportError, OSError) as error:
        yield Finding("lab models", MISSING, f"not checked: {_shortened(str(error))}", "see above")
        return
    names = [checkpoint.name for checkpoint in shipped_checkpoints()]
    absent = [name for name in names if not _is_complete(name)]
    found = f"{len(names) - len(absent)} of {len(names)}"
    if absent:
        found = _shortened(f"{found}; not {', '.join(absent)}")
    yield _required("lab models", not absent, found, f"{len(names)} in data/lab", _reinstall())


def _is_complete(checkpoint: str) -> bool:
    try:
        folder = data_path("lab", checkpoint)
    except MissingReference:
        return False
    return all((folder / name).is_file() for name in CHECKPOINT_FILES)


def check_kernel() -> Iterator[Finding]:
    """Whether a notebook can run in this environment, and whether the name "python3" means it.

    `unlearnkit lab` sees to the second itself; a JupyterLab started in another way does not.
    """
    needed = "python3 runs this environment"
    try:
        spec = importlib.import_module("jupyter_client.kernelspec").KernelSpecManager()
        launched = spec.get_kernel_spec("python3").argv[0]
        importlib.import_module("ipykernel")
    except Exception as error:  # whatever it is, no lesson runs
        found = _shortened(f"none: {error}")
        yield Finding("Jupyter kernel", MISSING, found, needed, pip_install("--force-reinstall", "ipykernel"))
        return
    if _is_this_python(launched):
        yield Finding("Jupyter kernel", OK, "python3 runs this environment", needed)
    else:
        mend = f"{sys.executable} -m ipykernel install --sys-prefix, or open lessons with: {PACKAGE} lab"
        yield Finding("Jupyter kernel", OPTIONAL, f"python3 runs {launched}", needed, mend)


def _is_this_python(command: str) -> bool:
    """Jupyter starts a bare "python" as the interpreter that itself runs in."""
    return Path(command).name == command or Path(command).absolute() == Path(sys.executable).absolute()


def check_extensions() -> Iterator[Finding]:
    """Whether JupyterLab can draw widgets and figures, in versions that fit their Python halves."""
    try:
        folders = importlib.import_module("jupyter_core.paths").jupyter_path("labextensions")
    except ImportError:
        return  # jupyterlab is missing, which was said above
    for name, distribution in EXTENSIONS.items():
        manifests = [Path(folder) / name / "package.json" for folder in folders]
        present = next((path for path in manifests if path.is_file()), None)
        found = json.loads(present.read_text(encoding="utf-8"))["version"] if present else "not there"
        mend = pip_install("--force-reinstall", "--no-deps", distribution)
        yield _required(f"JupyterLab: {name}", present is not None, found, f"from {distribution}", mend)


def check_browser() -> Iterator[Finding]:
    """A Chromium, which only the browser tests need."""
    named = os.environ.get("CHROME")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    needed = "a Chromium, for browser tests"
    if found:
        yield Finding("browser", OK, found, needed)
    else:
        absent = "none on PATH" if named is None else "not where CHROME says"
        yield Finding("browser", OPTIONAL, absent, needed, BROWSER_MENDS.get(platform.system(), ""))


def check_folder() -> Iterator[Finding]:
    """Whether results can be written where the user stands."""
    here = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=here):
            good = True
    except OSError:
        good = False
    mend = "change to a folder that you may write to"
    yield _required("working folder", good, "writable" if good else f"not writable: {here}", "writable", mend)


def _required(name: str, good: bool, found: str, needed: str, mend: str) -> Finding:
    return Finding(name, OK if good else MISSING, found, needed, "" if good else mend)
