"""`unlearnkit doctor` says what is missing and the command that brings it, and never falls over itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from unlearnkit.cli import checkup, doctor, installation, main
from unlearnkit.cli.checkup import MISSING, OK, OPTIONAL, Finding
from unlearnkit.errors import MissingReference

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _found(check, name):
    (finding,) = (finding for finding in check() if finding.name == name)
    return finding


# The whole


def test_json_is_a_list_of_objects_and_the_code_says_whether_anything_is_missing(capsys):
    code = main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert all(set(row) == {"name", "status", "found", "needed", "mend"} for row in findings)
    assert {row["status"] for row in findings} <= {"ok", "missing", "optional"}
    assert code == int(any(row["status"] == "missing" for row in findings))


def test_nothing_that_the_tests_run_on_is_missing():
    assert [finding for finding in checkup.examine() if finding.status == MISSING] == []


@pytest.mark.parametrize(("status", "code"), [(OK, 0), (OPTIONAL, 0), (MISSING, 1)])
def test_only_what_is_required_fails(status, code, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("thing", status, "here", "there", "do this")])
    assert main(["doctor"]) == code
    assert ("thing: do this" in capsys.readouterr().out) == (status != OK)


def test_the_table_has_a_line_for_each_and_names_the_mend_once():
    findings = [Finding("a", OK, "1", ">=1"), Finding("long name", MISSING, "none", ">=2", "bring it")]
    lines = doctor.table(findings).splitlines()
    assert [line.split() for line in lines[1:3]] == [
        ["ok", "a", "1", ">=1"],
        ["MISSING", "long", "name", "none", ">=2"],
    ]
    assert lines[-3:] == ["  long name: bring it", "", "1 missing."]


def test_no_command_loads_anything_heavy_before_it_is_run():
    # in a fresh process: this one has loaded everything already
    code = "import json, sys, unlearnkit.cli; unlearnkit.cli.parser(); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "unlearnkit.cli.doctor" in loaded
    assert not {"torch", "transformers", "pandas", "plotly", "numpy", "jupyterlab"} & loaded


# Packages


def test_every_dependency_and_every_extra_is_looked_at():
    names = {finding.name for finding in checkup.check_packages()}
    assert {Requirement(text).name for text in PROJECT["dependencies"]} <= names
    assert {f"extra {extra}" for extra in PROJECT["optional-dependencies"]} <= names


@pytest.mark.parametrize(
    ("version", "satisfied"), [("2.7.1", False), ("2.8.0", True), ("2.13.0+cpu", True), ("2.14.0", False)]
)
def test_a_version_is_held_against_the_range(version, satisfied, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: ["torch>=2.8,<2.14"])
    monkeypatch.setattr(metadata, "version", lambda name: version)
    finding = _found(checkup.check_packages, "torch")
    assert (finding.status, finding.found) == (OK if satisfied else MISSING, version)
    command = f'{sys.executable} -m pip install "torch<2.14,>=2.8"'
    assert finding.mend == ("" if satisfied else command)


def test_an_absent_dependency_is_missing_and_an_absent_extra_is_not(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: ["nowhere>=1", "nothing>=2; extra == 'more'"])
    required, extra = checkup.check_packages()
    assert (required.name, required.status, required.found) == ("nowhere", MISSING, "not installed")
    assert (extra.name, extra.status, extra.found) == ("extra more", OPTIONAL, "lacks nothing")
    assert extra.mend == f'{sys.executable} -m pip install "nothing>=2"'


def test_what_is_for_another_system_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: ['nowhere>=1; sys_platform == "amiga"'])
    assert list(checkup.check_packages()) == []


def test_an_extra_that_stands_for_another_asks_for_nothing_itself(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: ["unlearnkit[test]; extra == 'dev'"])
    assert installation.needs() == []


def test_a_checkout_that_was_never_installed_is_told_how(monkeypatch):
    monkeypatch.setattr(metadata, "requires", _not_installed)
    monkeypatch.setattr(metadata, "metadata", _not_installed)
    (finding,) = checkup.check_packages()
    assert (finding.status, finding.mend) == (MISSING, f"{sys.executable} -m pip install -e .")
    assert list(checkup.check_python()) == []


def test_without_packaging_doctor_still_speaks(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging", None)
    monkeypatch.setitem(sys.modules, "packaging.specifiers", None)
    (finding,) = checkup.check_packages()
    assert (finding.status, finding.mend) == (MISSING, f"{sys.executable} -m pip install packaging")
    assert list(checkup.check_python()) == []


def test_another_python_than_the_metadata_asks_for_is_missing(monkeypatch):
    monkeypatch.setattr(checkup.platform, "python_version", lambda: "3.10.2")
    finding = _found(checkup.check_python, "Python")
    assert (finding.status, finding.found, finding.needed) == (MISSING, "3.10.2", PROJECT["requires-python"])


# Torch, the lab, Jupyter


def test_a_broken_torch_is_reported_and_not_raised(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    finding = _found(checkup.check_torch, "torch loads")
    assert finding.status == MISSING
    assert finding.mend == f"{sys.executable} -m pip install --force-reinstall torch"


def test_missing_lab_models_are_counted_and_named(tmp_path, monkeypatch):
    whole = tmp_path / "target"
    whole.mkdir()
    for name in checkup.CHECKPOINT_FILES:
        (whole / name).touch()
    monkeypatch.setattr(checkup, "data_path", lambda *parts: _existing(tmp_path.joinpath(*parts[1:])))
    finding = _found(checkup.check_checkpoints, "lab models")
    assert finding.status == MISSING
    assert finding.found.startswith("1 of ")
    assert "never-learned-entities-0" in finding.found
    (whole / "model.safetensors").unlink()
    assert _found(checkup.check_checkpoints, "lab models").found.startswith("0 of ")


@pytest.mark.parametrize(
    ("program", "status"),
    [("python", OK), (sys.executable, OK), ("/another/python", OPTIONAL)],
    ids=["bare", "this", "another"],
)
def test_the_name_python3_should_mean_this_environment(program, status, monkeypatch):
    from jupyter_client import kernelspec

    spec = kernelspec.KernelSpec(argv=[program, "-m", "ipykernel_launcher"])
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    assert _found(checkup.check_kernel, "Jupyter kernel").status == status


def test_without_a_kernel_no_lesson_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    finding = _found(checkup.check_kernel, "Jupyter kernel")
    assert (finding.status, finding.mend.split()[-1]) == (MISSING, "ipykernel")


def test_jupyterlab_has_what_draws_widgets_and_figures():
    assert {finding.status for finding in checkup.check_extensions()} == {OK}


def test_a_missing_browser_is_optional(monkeypatch):
    monkeypatch.delenv("CHROME", raising=False)
    monkeypatch.setattr(checkup.shutil, "which", lambda name: None)
    assert _found(checkup.check_browser, "browser").status == OPTIONAL
    monkeypatch.setattr(checkup.shutil, "which", lambda name: name if name == "google-chrome" else None)
    assert _found(checkup.check_browser, "browser").found == "google-chrome"


def test_a_folder_that_cannot_be_written_is_missing(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", _read_only)
    assert _found(checkup.check_folder, "working folder").status == MISSING


def _not_installed(name):
    raise metadata.PackageNotFoundError(name)


def _existing(path):
    if not path.exists():
        raise MissingReference(str(path))
    return path


def _read_only(**options):
    raise PermissionError(13, "Permission denied")
