"""The loss over a plane through the weights, cell by cell, for several losses at once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm

from unlearnkit.displaced import Displaced, displaced, require_wide
from unlearnkit.errors import BadInput, require_integer, require_positive
from unlearnkit.fingerprints import tensors_hash
from unlearnkit.flatness.axes import axes
from unlearnkit.flatness.directions import Plane, plane
from unlearnkit.flatness.tables import html_table
from unlearnkit.flatness.trajectory import Models, Trajectory, projected, require_models
from unlearnkit.journal import Journal
from unlearnkit.token_mean_loss import TokenMeanLoss, loss_fingerprint

Array = npt.NDArray[np.float64]
Losses = TokenMeanLoss | Mapping[str, TokenMeanLoss]


@dataclass(frozen=True, eq=False)
class Surface:
    """Losses over a grid.

    Attributes
    ----------
    alphas, betas : array (points,)
        Along the first and the second direction.
    values : dict of str to array (points, points)
        Nats a token; rows are betas, columns alphas. Infinite where a loss is not a number.
    words : str
        How the directions were chosen, with their seed.
    marks : dict of str to (alpha, beta)
        Where models lie in the plane; the loss's own is at (0, 0).
    curvatures : tuple of float
        The eigenvalues, where the directions are eigenvectors.
    trajectories : dict of str to Trajectory
        Checkpoints seen from this plane, with losses of their own.
    """

    alphas: Array
    betas: Array
    values: dict[str, Array]
    words: str
    marks: dict[str, tuple[float, float]]
    curvatures: tuple[float, ...] = ()
    trajectories: dict[str, Trajectory] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "alphas": self.alphas.tolist(),
            "betas": self.betas.tolist(),
            "values": {name: grid.tolist() for name, grid in self.values.items()},
            "words": self.words,
            "marks": {name: list(place) for name, place in self.marks.items()},
            "curvatures": list(self.curvatures),
            "trajectories": {name: way.to_dict() for name, way in self.trajectories.items()},
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Surface:
        """Read what `to_dict` wrote."""
        return cls(
            alphas=np.asarray(content["alphas"]),
            betas=np.asarray(content["betas"]),
            values={name: np.asarray(grid) for name, grid in content["values"].items()},
            words=content["words"],
            marks={name: (place[0], place[1]) for name, place in content["marks"].items()},
            curvatures=tuple(content["curvatures"]),
            trajectories={
                name: Trajectory.from_dict(way) for name, way in content.get("trajectories", {}).items()
            },
        )

    def near(self, name: str, alpha: float, beta: float) -> float:
        """The value of a loss, by name, in the cell nearest to a place."""
        column, row = int(np.abs(self.alphas - alpha).argmin()), int(np.abs(self.betas - beta).argmin())
        return float(self.values[name][row, column])

    def _repr_html_(self) -> str:
        rows = [
            (name, f"{self.near(name, 0.0, 0.0):.4g}", f"{grid.min():.4g}", f"{grid.max():.4g}")
            for name, grid in self.values.items()
        ]
        return html_table(f"surface, {self.words}", ("loss", "at the model", "lowest", "highest"), rows)


def surface(
    loss_or_dict: Losses,
    *,
    directions: Any = "random",
    points: int = 41,
    span: float = 1.0,
    normalise: str = "filter",
    seed: int = 0,
    trajectories: Mapping[str, Models] | None = None,
    keep: str | Path | None = None,
    progress: bool = False,
) -> Surface:
    """The loss at theta + alpha d1 + beta d2, over a square grid.

    Parameters
    ----------
    loss_or_dict : TokenMeanLoss, or dict of them by name
        Several losses of one model, such as forget and retain, see the same grid in one pass. A single one is
        named "loss".
    directions : "random", "eigen", two flat vectors, two models, or a Plane
        "random": see `random_direction`. "eigen": the two outermost eigenvectors of the first loss's Hessian,
        of length 1. Two models: the plane through them and the loss's own, the first at (1, 0); what lies off
        the plane cannot be seen in it. Lengths along models are shares of the way to the first. A Plane: one
        that was made before, say by `principal_plane`.
    points : int
        A side; odd, so that the middle cell is the model itself (without other models in the plane).
    span : float
        The grid reaches from -span to span; with models, about a span beyond them on every side, its cells
        laid so that one is the loss's model, and one the first of the two where there are enough.
    normalise : {"filter", "layer", "weight"}
    seed : int
    trajectories : dict of str to list of models, optional
        Checkpoints by name, say those of an unlearning run and of the attack after it, in order: each is
        projected onto the plane, and looked at once with its own weights. A dict of models labels them; in a
        list they are "0", "1", … The grid is widened where they leave it.
    keep : path, optional
        A file in which finished rows are kept: started again with the same losses, weights, data and
        directions, it goes on where it stopped.
    progress : bool

    Returns
    -------
    Surface
        The cell at (0, 0) is the model's own loss to the bit.

    Raises
    ------
    BadInput
        For losses of different models, an even number of points, directions that make no plane, a loss that
        is not finite at the model, or trajectories of no models, or of models of another architecture.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> found = surface(loss, points=3)
    >>> bool(found.values["loss"][1, 1] == loss().item())
    True
    """
    losses = _named(loss_or_dict)
    require_integer("points", points, minimum=3)
    if points % 2 == 0:
        raise BadInput(f"points must be odd, so that one cell is the model itself, but {points} was given")
    require_positive("span", span)
    require_integer("seed", seed)
    first = next(iter(losses.values()))
    models = require_models(first, trajectories)
    _require_finite(losses)
    chosen = plane(first, directions, normalise=normalise, seed=seed)
    ways = {name: projected(losses, chosen, given) for name, given in models.items()}
    alphas, betas = axes(chosen, points, span, ways.values())
    rows = _rows(losses, chosen, alphas, betas, _journal(keep, losses, chosen, alphas), progress)
    stacked = {name: np.array([row[name] for row in rows]) for name in losses}
    return Surface(alphas, betas, stacked, chosen.words, chosen.marks, chosen.curvatures, ways)


def _named(given: Any) -> dict[str, TokenMeanLoss]:
    losses = {"loss": given} if isinstance(given, TokenMeanLoss) else given
    if (
        not isinstance(losses, Mapping)
        or not losses
        or not all(isinstance(loss, TokenMeanLoss) for loss in losses.values())
    ):
        raise BadInput("loss_or_dict must be a TokenMeanLoss, or a dict of at least one by name")
    if len({id(loss.model) for loss in losses.values()}) > 1:
        raise BadInput(
            "loss_or_dict: all losses must be of one model, since only one is moved; make the "
            "others with with_model()"
        )
    weights = next(iter(losses.values())).weights
    require_wide("loss_or_dict", weights)
    if not weights:
        raise BadInput(
            "loss_or_dict: no parameter of the model requires gradients, so there is no way to move"
        )
    return dict(losses)


@torch.no_grad()
def _require_finite(losses: Mapping[str, TokenMeanLoss]) -> None:
    for name, loss in losses.items():
        here = float(loss())
        if not math.isfinite(here):
            raise BadInput(
                f"loss_or_dict: {name} is {here} at the model itself; look for weights that are not numbers"
            )


def _journal(
    keep: str | Path | None, losses: Mapping[str, TokenMeanLoss], chosen: Plane, alphas: Array
) -> tuple[Journal, str] | None:
    if keep is None:
        return None
    parts = [("alphas", torch.from_numpy(alphas))]
    parts += [(f"first {i}", part) for i, part in enumerate(chosen.first)]
    parts += [(f"second {i}", part) for i, part in enumerate(chosen.second)]
    prints = [f"{name} {loss_fingerprint(loss)}" for name, loss in losses.items()]
    return Journal(Path(keep)), json.dumps([tensors_hash(parts), *prints])


@torch.no_grad()
def _rows(
    losses: Mapping[str, TokenMeanLoss],
    chosen: Plane,
    alphas: Array,
    betas: Array,
    journal: tuple[Journal, str] | None,
    progress: bool,
) -> list[dict[str, list[float]]]:
    first, rows = next(iter(losses.values())), []
    with (
        first.evaluating(),
        displaced(first.weights) as place,
        tqdm(total=len(betas), desc="surface", disable=not progress, leave=False) as bar,
    ):
        for beta in betas.tolist():
            key = json.dumps([journal[1], beta]) if journal else ""
            row = journal[0].get(key) if journal else None
            if row is None:
                row = _row(losses, place, chosen, alphas, beta)
                if journal:
                    journal[0].add(key, row)
            rows.append(row)
            bar.update()
    return rows


def _row(
    losses: Mapping[str, TokenMeanLoss], place: Displaced, chosen: Plane, alphas: Array, beta: float
) -> dict[str, list[float]]:
    row: dict[str, list[float]] = {name: [] for name in losses}
    for _ in _walk(place, chosen, alphas, beta):
        for name, loss in losses.items():
            here = float(loss())
            row[name].append(math.inf if math.isnan(here) else here)
    return row


def _walk(place: Displaced, chosen: Plane, alphas: Array, beta: float) -> Iterator[None]:
    """Go along a row, cell by cell."""
    for alpha in alphas.tolist():
        place.to((beta, chosen.second), (alpha, chosen.first))
        yield
