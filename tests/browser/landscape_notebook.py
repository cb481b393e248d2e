"""A notebook that holds the landscape view, on two made-up surfaces beside it."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import numpy as np

from unlearnkit.flatness import Surface, Trajectory

from .explorer_notebook import KERNEL

NAME, SURFACES = "landscape.ipynb", "landscape.json"
CELL = f"""import json
from pathlib import Path
import torch
import unlearnkit as uk
read = json.loads(Path({SURFACES!r}).read_text(encoding="utf-8"))
values = torch.tensor([6.0, -2.0, 1.5], dtype=torch.float64)
pairs = uk.flatness.Eigenvalues(values, torch.eye(3, 9), values.abs() / 20, 30, "LM", True)
surfaces = {{name: uk.flatness.Surface.from_dict(one) for name, one in read.items()}}
explorer = uk.apps.LandscapeExplorer(surfaces, eigenvalues={{"forget": pairs}})
explorer"""


def write_landscape(folder: Path) -> None:
    """Write the notebook and its surfaces into a folder."""
    surfaces = {
        "random": _surface("random, made up", {}),
        "models": _surface("made up", {"first": (0.6, -0.3)}),
    }
    content = {name: surface.to_dict() for name, surface in surfaces.items()}
    (folder / SURFACES).write_text(json.dumps(content), encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / NAME)


def _surface(words: str, marks: dict[str, tuple[float, float]]) -> Surface:
    axis, shares = np.linspace(-1.0, 1.0, 21), np.linspace(0.0, 1.0, 5)
    alpha, beta = np.meshgrid(axis, axis)
    values = {
        "forget": 2 + 3 * (alpha - 0.4) ** 2 + 2 * (beta + 0.2) ** 2 + np.sin(5 * alpha) * np.cos(4 * beta),
        "retain": 0.5 + 4 * alpha**2 + 5 * beta**2 + 2 * alpha * beta,
    }
    ways = {
        name: Trajectory(
            tuple(ahead * shares), tuple(aside * shares**2), (0.1,) * 5,
            {"forget": tuple(2 + shares), "retain": tuple(0.5 + shares)}, tuple("01234"),
        )
        for name, ahead, aside in (("unlearning", -0.7, 0.5), ("attack", 0.6, -0.3))
    }  # fmt: skip
    return Surface(axis, axis, values, words, {"model": (0.0, 0.0), **marks} if marks else {}, (), ways)
