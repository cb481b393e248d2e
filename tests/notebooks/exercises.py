"""What tests of lessons do with exercises: run some cells, read a hidden solution, ask a check."""

from __future__ import annotations

import re

import nbformat

from unlearnkit.resources import notebooks_path


def cells_of(stem):
    """The cells of a lesson, by id."""
    lesson = nbformat.read(notebooks_path(f"{stem}.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


def run_cells(given, cells, *ids):
    """The names that some cells define, on what the lesson's setup cell imports."""
    names = dict(given)
    for name in ids:
        exec(cells[name], names)
    return names


def solution(given, cells, exercise):
    """What an exercise's hidden solution defines: the last program of its text."""
    names = dict(given)
    exec(re.findall(r"```python\n(.*?)```", cells[f"exercise-{exercise}-text"], flags=re.DOTALL)[-1], names)
    return names


def assert_named(said, word):
    """A mistake was told what it is."""
    assert word in said
    assert not said.startswith(("Right", "Not answered"))
