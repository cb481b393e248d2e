"""Lessons that were run from top to bottom, each once."""

from __future__ import annotations

import os
import time

import nbformat
import pytest
from nbclient import NotebookClient

from unlearnkit.resources import notebooks_path

SECONDS_A_CELL = 600  # on a machine that is busy with other things; times are reported, not asserted
WHERE = "import unlearnkit; print(unlearnkit.__file__)"


@pytest.fixture(scope="session")
def executed(wheel, executions, tmp_path_factory):
    """Run a lesson with the package of the built wheel, unless a browser already did: executed("00-tour").

    What comes back: "notebook" with its outputs, "seconds", "package" (the file that was imported),
    "left" (what it left behind) and "by" (what ran it).
    """

    def run(stem: str) -> dict:
        if stem not in executions:
            executions[stem] = _execute(stem, wheel, tmp_path_factory.mktemp(stem))
        return executions[stem]

    return run


def _execute(stem, wheel, folder):
    notebook = nbformat.read(notebooks_path(f"{stem}.ipynb"), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    client = NotebookClient(
        notebook, timeout=SECONDS_A_CELL, resources={"metadata": {"path": str(folder)}}, allow_errors=False
    )
    started = time.perf_counter()
    client.execute(env=os.environ | {"PYTHONPATH": str(wheel), "HF_HUB_OFFLINE": "1"})
    seconds = time.perf_counter() - started
    asked = notebook.cells.pop()
    return {
        "notebook": notebook, "seconds": seconds, "left": sorted(path.name for path in folder.iterdir()),
        "by": "nbclient", "package": asked.outputs[0].text.strip(),
    }  # fmt: skip


@pytest.fixture
def told(request, cells, capsys):
    """What a check says to an answer: told("ball", answer); without one, to the exercise as it stands.

    The test's module has EXERCISES, by the id of their cells: the function that is asked for, and its check.
    """

    def say(exercise, answer=None):
        names = request.module.run_cells(cells, f"exercise-{exercise}", f"check-{exercise}")
        own, check = request.module.EXERCISES[exercise]
        capsys.readouterr()
        names[check](answer or names[own])
        return capsys.readouterr().out

    return say
