"""Every lesson runs from top to bottom, exercises unanswered, and says how long it took; none is left out."""

from __future__ import annotations

import time

import nbformat
import pytest
from nbclient import NotebookClient

from unlearnkit.resources import notebooks_path

LESSONS = sorted(notebooks_path().glob("*.ipynb"))
MINUTES = 10  # for one cell of a machine that is busy with other things; seconds are reported, not asserted
METADATA = {"kernelspec", "language_info"}  # no saved widgets among it: each would weigh megabytes


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request):
    """A lesson as it is stored."""
    return nbformat.read(request.param, as_version=4)


def test_a_lesson_is_valid_and_light(lesson):
    nbformat.validate(lesson)
    assert set(lesson.metadata) == METADATA
    assert lesson.metadata.kernelspec.name == "python3"


def test_a_lesson_stands_without_results(lesson):
    cells = [cell for cell in lesson.cells if cell.cell_type == "code"]
    assert not [cell.id for cell in cells if cell.outputs or cell.execution_count is not None]


def test_cells_have_names(lesson):
    # a name says what a cell is for, and stays the same when the lesson is saved again
    assert all(cell.id.replace("-", "").isalpha() for cell in lesson.cells)


@pytest.mark.slow
def test_a_lesson_runs_from_top_to_bottom(lesson, request, tmp_path, monkeypatch, capsys, record_property):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    client = NotebookClient(
        lesson, timeout=60 * MINUTES, resources={"metadata": {"path": str(tmp_path)}}, allow_errors=False
    )
    started = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - started
    record_property("seconds", round(seconds, 1))
    with capsys.disabled():
        print(f"\n{request.node.name}: {seconds:.0f} s")
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind
    assert _errors(lesson) == []


def _errors(lesson):
    """What was printed to the error stream, progress bars aside."""
    outputs = [output for cell in lesson.cells if cell.cell_type == "code" for output in cell.outputs]
    told = [output.text for output in outputs if output.get("name") == "stderr"]
    return [text for text in told if "it/s]" not in text]
