"""A notebook that holds the robustness view, on made-up records beside it."""

from __future__ import annotations

from pathlib import Path

import nbformat

from .made_up import made_up_store

NAME, RECORDS = "explorer.ipynb", "made-up.sqlite"
CELL = f"""import unlearnkit as uk
store = uk.records.RunStore({RECORDS!r}, create=False)
explorer = uk.apps.RobustnessExplorer(store)
explorer"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_explorer(folder: Path) -> None:
    """Write the notebook and its records into a folder."""
    made_up_store(folder / RECORDS)
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / NAME)
