"""Every lesson runs from top to bottom, exercises unanswered, and says how long it took; none is left out."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from unlearnkit.resources import notebooks_path

LESSONS = sorted(notebooks_path().glob("*.ipynb"))
METADATA = {"kernelspec", "language_info"}  # no saved widgets among it: each would weigh megabytes
COMPUTING = re.compile(r"((?:less than|about|at most) \w+(?: minutes?)?|seconds) of computing")


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


def test_a_lesson_states_its_minutes(lesson):
    assert len(COMPUTING.findall(lesson.cells[0].source)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_from_top_to_bottom(path, executed, wheel, tell):
    ran = executed(path.stem)
    stored = nbformat.read(path, as_version=4)
    (stated,) = COMPUTING.findall(stored.cells[0].source)
    tell(f"{path.stem}: {ran['seconds']:.0f} s in {ran['by']}; stated: {stated} of computing")
    assert [cell.source for cell in ran["notebook"].cells] == [cell.source for cell in stored.cells]
    assert _unfinished(ran["notebook"]) == []
    assert _errors(ran["notebook"]) == []
    assert wheel in Path(ran["package"]).parents  # not the checkout
    assert ran["left"] == []


def _unfinished(lesson):
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    return [cell.id for cell in code if cell.execution_count is None]


def _errors(lesson):
    """What was raised, or printed to the error stream, progress bars aside."""
    outputs = [output for cell in lesson.cells if cell.cell_type == "code" for output in cell.outputs]
    raised = [output.evalue for output in outputs if output.output_type == "error"]
    told = [output.text for output in outputs if output.get("name") == "stderr"]
    return raised + [text for text in told if "it/s]" not in text]
