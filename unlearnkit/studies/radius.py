"""How far should zeroth order look? The error of a difference in float32, over six decades of the radius.

A difference looks at the loss at two places, `radius` (root mean square, a weight) to either side. Near by,
float32's rounding of the two losses drowns what they differ by: the error falls as 1 / radius. Far off, the
loss is no longer a straight line: the error of a central difference grows as radius^2, that of a forward
difference as radius. True double shows the second side alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from unlearnkit import objectives
from unlearnkit.losses import mean_nll
from unlearnkit.optim import Directions
from unlearnkit.precision import true_double
from unlearnkit.randomness import one_thread
from unlearnkit.studies.calibrate import BATCH_SIZE, FOLD, OBJECTIVE_OPTIONS
from unlearnkit.studies.cells import CONTROLS, Problem
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.pairs import Pair
from unlearnkit.unlearning.problem import prepare

TASK = "entities"
RADII = tuple(float(f"{10 ** (half / 2):.3g}") for half in range(-12, 1))  # 1e-6, 3.16e-6, …, 1
DIRECTIONS = 12
LAW = "gaussian"
LOSSES = ("mean_nll", "npo")
LossOf = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class RadiusCell:
    """One loss at one model: where unlearning begins (the target), or where it should end (never_learned)."""

    model: str
    loss: str
    directions: int = DIRECTIONS
    radii: tuple[float, ...] = RADII

    @property
    def label(self) -> str:
        """What the progress bar says."""
        return f"{self.loss} at the {self.model} model"

    def describe(self) -> dict[str, Any]:
        """What decides the result, ready for JSON."""
        settings = {"task": TASK, "fold": FOLD, "batch_size": BATCH_SIZE, "law": LAW}
        return asdict(self) | {"radii": list(self.radii)} | settings


def radius_cells() -> list[RadiusCell]:
    """Both losses at both models."""
    return [RadiusCell(model, loss) for model in CONTROLS for loss in LOSSES]


def work(cell: RadiusCell) -> dict[str, Any]:
    """Measure a cell on one thread."""
    with one_thread():
        lab = Problem(TASK, FOLD).load()
        model = lab.model if cell.model == "target" else lab.never_learned
        loss_of = partial(LOSS_OF[cell.loss], _pair(lab))
        found = sweep(model, loss_of, radii=cell.radii, directions=cell.directions)
    return cell.describe() | found


def sweep(
    model: torch.nn.Module,
    loss_of: LossOf,
    *,
    radii: Sequence[float] = RADII,
    directions: int = DIRECTIONS,
    seed: int = 0,
) -> dict[str, Any]:
    """The errors of differences along random directions, relative to the true directional derivative.

    Parameters
    ----------
    model : torch.nn.Module
        Its weights in float32 are the place; it is left as it is.
    loss_of : callable
        Model to scalar loss; called with copies, in float32 and in true double.
    radii : sequence of float
        Root mean square of the change of a weight.
    directions : int
        How many; Gaussian, of mean square 1 a weight.
    seed : int
        Decides the directions.

    Returns
    -------
    dict
        `parameters`; `loss`, its value in true double under `value`; `gradient_norm`; and under `along` one
        entry a direction: `exact`, the gradient in true double times the direction, then, one number a
        radius, the relative errors `central_float32`, `forward_float32` and `central_float64` (in true
        double), and `ulps`: by how many units in the last place of the float32 loss its two ends differ.

    Examples
    --------
    >>> import torch
    >>> found = sweep(torch.nn.Linear(3, 1), lambda m: m.weight.square().sum(), radii=[1e-4], directions=2)
    >>> max(along["central_float64"][0] for along in found["along"]) < 1e-9  # no third derivative
    True
    """
    single = copy.deepcopy(model).float().eval()
    weights = list(single.parameters())
    drawn = [Directions(LAW, seed=seed).draw(weights, "radius", number) for number in range(directions)]
    with torch.no_grad():
        here = float(loss_of(single))
    near = [_ends(single, loss_of, u, radii) for u in drawn]
    with true_double(single) as double:
        loss = loss_of(double)
        gradient = torch.autograd.grad(loss, list(double.parameters()), allow_unused=True)
        true = [_ends(double, loss_of, u, radii) for u in drawn]
    exact = [_along(gradient, u) for u in drawn]
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "value": float(loss.detach()),
        "gradient_norm": float(sum(g.square().sum() for g in gradient if g is not None)) ** 0.5,
        "along": [_errors(radii, here, *one) for one in zip(exact, near, true, strict=True)],
    }


@torch.no_grad()
def _ends(
    model: torch.nn.Module, loss_of: LossOf, u: Sequence[torch.Tensor], radii: Sequence[float]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The loss on either side, as the model's precision has it: (radii, 2)."""
    weights = list(model.parameters())
    kept = [weight.detach().clone() for weight in weights]
    found = []
    try:
        for side in (side for radius in radii for side in (radius, -radius)):
            for weight, start, direction in zip(weights, kept, u, strict=True):
                torch.add(start, direction.to(start.dtype), alpha=side, out=weight)
            found.append(float(loss_of(model)))
    finally:
        for weight, start in zip(weights, kept, strict=True):
            weight.copy_(start)
    return np.array(found).reshape(-1, 2)


def _along(gradient: Sequence[torch.Tensor | None], u: Sequence[torch.Tensor]) -> float:
    parts = [(g * part.double()).sum() for g, part in zip(gradient, u, strict=True) if g is not None]
    return float(torch.stack(parts).sum())


def _errors(radii: Sequence[float], here: float, exact: float, near: Any, true: Any) -> dict[str, Any]:
    far = np.array(radii)

    def relative(slopes: Any) -> list[float]:
        """The errors of slopes, as shares of the exact one, to five digits."""
        return [float(f"{error:.5g}") for error in np.abs(slopes / exact - 1)]

    ulps = np.abs(near[:, 0] - near[:, 1]) / np.spacing(np.float32(here))
    return {
        "exact": exact,
        "central_float32": relative((near[:, 0] - near[:, 1]) / (2 * far)),
        "forward_float32": relative((near[:, 0] - here) / far),
        "central_float64": relative((true[:, 0] - true[:, 1]) / (2 * far)),
        "ulps": [float(f"{count:.5g}") for count in ulps],
    }


def _pair(lab: Testbed) -> Pair:
    """Always the same 16 rows to forget and 16 to keep, with the target's own sums for NPO."""
    config = configure(lab, "npo", "sgd", lr=1.0, steps=1, batch_size=BATCH_SIZE)
    return next(prepare(lab, config).pairs())


def _mean_nll(pair: Pair, model: Any) -> torch.Tensor:
    """Both batches weigh the same."""
    forget, retain = (mean_nll(model, batch) for batch in pair)
    return (forget + retain) / 2


def _npo(pair: Pair, model: Any) -> torch.Tensor:
    return objectives.create("npo", **OBJECTIVE_OPTIONS["npo"])(model, *pair)


LOSS_OF = {"mean_nll": _mean_nll, "npo": _npo}
