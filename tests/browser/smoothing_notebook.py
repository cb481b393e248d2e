"""A notebook that holds the smoothing view: of formulas, and of certificates with made-up counts."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from unlearnkit.smoothing import (
    AlongAttack,
    Certificate,
    Curve,
    EventCertificate,
    ModelCertificate,
    Retention,
)

from .explorer_notebook import KERNEL

NAME, COUNTS = "smoothing.ipynb", "smoothing.json"
CELL = f"""import json
from pathlib import Path
import torch
import unlearnkit as uk
from unlearnkit.smoothing import (
    AlongAttack, Certificate, Formula, Reach, Reaches, compare_gradients, radius_sweep, smoothed_line)
read = json.loads(Path({COUNTS!r}).read_text(encoding="utf-8"))
sigmas = [1e-4, 1e-3, 1e-2, 1e-1]
def attack(name, far):
    return Reach(name, far, far, 0.0, 0.0, False)
def view(bend, found):
    loss = Formula(lambda w: w.pow(2).sum() + (bend * w).sin().sum(), torch.full((60,), 0.4).double())
    return uk.apps.SmoothingView(
        line=smoothed_line(loss, sigmas=sigmas, points=21, span=2.0),
        sweep=radius_sweep(loss, sigmas, queries=64),
        gradients={{sigma: compare_gradients(loss, sigma=sigma, samples=64) for sigma in sigmas[1:]}},
        certificates={{one["models"]["model"]["sigma"]: Certificate.from_dict(one) for one in found}},
        along={{"relearning": [AlongAttack.from_dict(one) for one in read["along"]]}},
        reaches=Reaches((attack("relearning", 2.4), attack("rounding to 4 bits", 18.0)), 0.0, 0.0, 523904))
explorer = uk.apps.SmoothingExplorer(
    {{"adam": view(9.0, read["adam"]), "adazo": view(5.0, read["adazo"])}})
explorer"""  # fmt: skip


def write_smoothing(folder: Path) -> None:
    """Write the notebook and its counts into a folder."""
    content = {
        "adam": [_certificate(0.01, 0.95, 3).to_dict(), _certificate(0.1, 0.1, 0).to_dict()],
        "adazo": [_certificate(0.01, 0.97, 1).to_dict(), _certificate(0.1, 0.2, 0).to_dict()],
        "along": [_along(sigma).to_dict() for sigma in (0.01, 0.1)],
    }
    (folder / COUNTS).write_text(json.dumps(content), encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / NAME)


def _certificate(sigma: float, kept: float, missed: int) -> Certificate:
    places = range(60)
    counts = {
        "model": [300 - missed * place for place in places],
        "target": list(places),
        "never_learned": [300 - place // 6 for place in places],
    }
    found = {name: _model(forgotten, sigma, kept) for name, forgotten in counts.items()}
    return Certificate(
        found["model"], found["target"], found["never_learned"], 523904, None, (0.05, 0.05), 0, 903
    )


def _model(forgotten: list[int], sigma: float, kept: float) -> ModelCertificate:
    return ModelCertificate(
        tuple(f"capital/{place}" for place in range(60)), tuple(forgotten), 300, sigma, 0.001,
        EventCertificate(min(forgotten), 300, sigma, 0.001, kept > 0.8),
        Retention(kept, (kept - 0.01, kept + 0.01), 1.0, 0.8, 60, 300, 0.001), (False,) * 60, "0",
    )  # fmt: skip


def _along(sigma: float) -> AlongAttack:
    curve = Curve((0.9, 0.5, 0.0), (0.95, 0.8, 0.1), (0.9, 0.7, 0.0), (1.0, 0.9, 0.2), (1.0, 1.0, 0.0))
    kept = Curve(None, (0.95, 0.9, 0.3), (0.9, 0.85, 0.2), (1.0, 0.95, 0.4), (1.0, 1.0, 0.9))
    curves = {"split": curve, "retain": kept}
    return AlongAttack((0.0, 1.2, 2.4), (1.0, 1.0, 1.0), curves, (0, 0, 0), 0.03, sigma, 0.001, 300)
