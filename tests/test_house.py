"""The rules of the house: style, types, floors, sizes, and what the repository may hold."""

from __future__ import annotations

import ast
import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "unlearnkit"
PROGRAMS = sorted(path for room in ("unlearnkit", "tests", "data") for path in (ROOT / room).rglob("*.py"))
MODULES = [path for path in PROGRAMS if PACKAGE in path.parents]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOCUMENTS = [path for pattern in ("*.md", ".github/**/*.md", "data/**/*.md") for path in ROOT.glob(pattern)]

# The top level holds these and dot-files, nothing else.
TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "notebooks", "unlearnkit", "tests", "data"}
DOT_FILES = {".ci", ".github", ".gitignore", ".gitattributes"}

LONGEST_FILE, MEDIAN_FUNCTION, LONG_FUNCTION, LONGEST_FUNCTION = 300, 10, 35, 60
FORBIDDEN_ROOMS = {"utils", "helpers", "common", "misc"}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
PICKLING_CALLS = {"torch.load", "torch.save", "pandas.read_pickle", "pd.read_pickle", "to_pickle"}
# An absolute path, or a drive of Windows, that only one machine has.
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|Users|tmp|mnt|opt|work)/\w|\b[A-Z]:\\+Users")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef


# The tools


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff(arguments):
    _run(sys.executable, "-m", "ruff", *arguments, ".")


@pytest.mark.slow
def test_mypy():
    _run(sys.executable, "-m", "mypy", "--strict", "-p", "unlearnkit")


def test_floors():
    program = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"
    _run(sys.executable, "-c", program)


# Sizes


def test_files_are_short():
    lengths = {_name(path): len(_text(path).splitlines()) for path in PROGRAMS}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_long():
    sizes = {where: size for path in PROGRAMS for where, size in _function_sizes(path)}
    assert not {where: size for where, size in sizes.items() if size > LONGEST_FUNCTION}


def test_functions_are_short_as_a_rule():
    sizes = [size for path in MODULES for _, size in _function_sizes(path)]
    assert statistics.median(sizes) <= MEDIAN_FUNCTION
    assert sum(size <= LONG_FUNCTION for size in sizes) >= 0.9 * len(sizes)


def test_sizes_are_counted_without_docstrings():
    source = 'class A:\n    def f(self):\n        """One.\n\n        Two."""\n        # why\n        return 1'
    (function,) = (node for node in ast.walk(ast.parse(source)) if isinstance(node, Function))
    assert _function_size(function) == 3


# What the repository may hold


def test_top_level():
    top = {name.split("/")[0] for name in _tracked_files()}
    assert {name for name in top if not name.startswith(".")} == TOP_LEVEL
    assert {name for name in top if name.startswith(".")} <= DOT_FILES


def test_every_room_has_a_name_of_its_own():
    parts = {path: {*path.relative_to(ROOT).with_suffix("").parts} for path in PROGRAMS}
    assert not [_name(path) for path in PROGRAMS if parts[path] & FORBIDDEN_ROOMS]


def test_nothing_names_a_path_of_one_machine():
    texts = [*PROGRAMS, *NOTEBOOKS, *DOCUMENTS, *(ROOT / ".ci").iterdir(), ROOT / "pyproject.toml"]
    assert not [_name(path) for path in texts if MACHINE_PATH.search(_text(path))]


@pytest.mark.parametrize("text", ["/ho" + "me/ada/x", '"/ro' + 'ot/x"', "C:" + "\\Users\\ada", "/t" + "mp/x"])
def test_a_machine_path_is_recognised(text):
    assert MACHINE_PATH.search(text)


@pytest.mark.parametrize("text", ["a/home/b", "https://x.org/home/b", "data/work/x", "./tmp/x", "/content/x"])
def test_other_paths_are_not(text):
    assert not MACHINE_PATH.search(text)


def test_there_are_lessons():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_stored_without_results(path):
    cells = [cell for cell in json.loads(_text(path))["cells"] if cell["cell_type"] == "code"]
    assert not [cell["source"] for cell in cells if cell["outputs"] or cell["execution_count"] is not None]


# What the package may hold


def test_public_things_have_docstrings():
    assert not [where for path in MODULES for where in _undocumented(path)]


def test_no_assert_no_pickle_no_foreign_code():
    assert not [offence for path in MODULES for offence in _offences(path)]


@pytest.mark.parametrize(
    "source",
    [
        "assert x",
        "import pickle",
        "import joblib.memory",
        "from pickle import loads",
        "torch.load(path)",
        "frame.to_pickle(path)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "options = {'trust_remote_code': True}",
    ],
)
def test_offences_are_recognised(source):
    assert list(_offences_in(ast.parse(source)))


def test_what_is_safe_is_no_offence():
    source = "safetensors.torch.load(data)\nload(name, trust_remote_code=False)\nhandlers.load(name)"
    assert not list(_offences_in(ast.parse(source)))


# How it is measured


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def _tracked_files() -> list[str]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.stdout:
        pytest.skip("git tracks no file here yet")
    return done.stdout.splitlines()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _function_sizes(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, Function):
            yield f"{_name(path)}:{node.lineno} {node.name}", _function_size(node)


def _function_size(node: Function) -> int:
    """From def to the last line, the docstring's lines taken off."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is None:
        return lines
    return lines - ((node.body[0].end_lineno or 0) - node.body[0].lineno + 1)


def _undocumented(path: Path) -> Iterator[str]:
    module = ast.parse(_text(path))
    if ast.get_docstring(module) is None:
        yield _name(path)
    for name, node in _public(module):
        if ast.get_docstring(node) is None:
            yield f"{_name(path)}:{node.lineno} {name}"


def _public(parent: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Documented]]:
    """Public functions and classes, with what is public inside of public classes."""
    for node in parent.body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.{name}", child) for name, child in _public(node))


def _offences(path: Path) -> Iterator[str]:
    for line, offence in _offences_in(ast.parse(_text(path))):
        yield f"{_name(path)}:{line} {offence}"


def _offences_in(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert: raise a subclass of UnlearnkitError"
        elif isinstance(node, ast.Import | ast.ImportFrom) and _imported(node) & PICKLES:
            yield node.lineno, "pickle: write safetensors or JSON"
        elif isinstance(node, ast.Call) and _called(node) & PICKLING_CALLS:
            yield node.lineno, f"{ast.unparse(node.func)} pickles: write safetensors or JSON"
        elif isinstance(node, ast.Call | ast.Dict) and _switched_on(node) & {
            "trust_remote_code",
            "allow_pickle",
        }:
            yield node.lineno, "runs code that comes with data"


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {name.split(".")[0] for name in names}


def _called(node: ast.Call) -> set[str]:
    name = ast.unparse(node.func)
    return {name, name.split(".")[-1]}


def _switched_on(node: ast.Call | ast.Dict) -> set[str]:
    """Options that are given and not plainly False."""
    if isinstance(node, ast.Call):
        pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
    else:
        pairs = [(ast.literal_eval(k), v) for k, v in zip(node.keys, node.values, strict=True) if _is_text(k)]
    return {
        name for name, value in pairs if name and not (isinstance(value, ast.Constant) and not value.value)
    }


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
