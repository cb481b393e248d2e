"""Linear mode connectivity: is there a barrier on the straight way from one model to another?

A barrier between two models is also what a large step in a random direction gives. So the same way is walked
in a direction of the same length that knows nothing of either model, and its barrier stands beside.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.alike import require_alike
from unlearnkit.displaced import displaced, require_wide
from unlearnkit.errors import BadInput, require_integer
from unlearnkit.flatness.directions import as_long
from unlearnkit.flatness.tables import html_table
from unlearnkit.randomness import generator
from unlearnkit.token_mean_loss import TokenMeanLoss


@dataclass(frozen=True)
class Connectivity:
    """Losses on the straight way between two models, in nats a token.

    Attributes
    ----------
    alphas, path : tuple of float
        0 is the first model, 1 the second.
    barrier : float
        max over alpha of L(alpha) - ((1 - alpha) L(0) + alpha L(1)) (Frankle et al. 2020, Entezari et al.
        2022); 0 when no cell lies above the line.
    barrier_over_mean : float
        max L(alpha) - (L(0) + L(1)) / 2, the other common definition.
    at : float
        The alpha of the barrier; 0 when there is none.
    distance : float
        L2, between the two models.
    control_path : tuple of float
        From the first model as far in a random direction, matched tensor by tensor.
    control_barrier : float
        Of that way, by the first definition.
    """

    alphas: tuple[float, ...]
    path: tuple[float, ...]
    barrier: float
    barrier_over_mean: float
    at: float
    distance: float
    control_path: tuple[float, ...]
    control_barrier: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        rows = [
            ("barrier", f"{self.barrier:.4g} at {self.at:.2f}"),
            ("above the mean of the ends", f"{self.barrier_over_mean:.4g}"),
            ("the same distance in a random direction", f"{self.control_barrier:.4g}"),
            ("distance", f"{self.distance:.4g}"),
        ]
        return html_table("from one model to the other, nats a token", ("", ""), rows)


@torch.no_grad()
def connectivity(
    loss: TokenMeanLoss,
    model_a: Any,
    model_b: Any,
    *,
    points: int = 21,
    seed: int = 0,
    progress: bool = False,
) -> Connectivity:
    """Walk from one model to another in a straight line, and as far in a random direction.

    Parameters
    ----------
    loss : TokenMeanLoss
        Says which data; its own model is not looked at.
    model_a, model_b : causal language models of one architecture
    points : int
        On the way, both ends among them.
    seed : int
        Decides the random direction.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Connectivity
        Its ends are the models' own losses to the bit.

    Raises
    ------
    BadInput
        For what is no loss or no model, models of different architectures or in half precision, a loss not
        finite, or fewer than 3 points.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> connectivity(loss, lab.model, lab.model, points=3).barrier
    0.0
    """
    if not isinstance(loss, TokenMeanLoss):
        raise BadInput(f"loss must be a TokenMeanLoss(model, batches), but a {type(loss).__name__} was given")
    require_integer("points", points, minimum=3)
    require_integer("seed", seed)
    ways = _difference(model_a, model_b)
    ends = [_finite(name, loss.with_model(m)) for name, m in (("model_a", model_a), ("model_b", model_b))]
    walker = copy.deepcopy(model_a)
    there, weights = loss.with_model(walker), list(walker.parameters())
    alphas = [place / (points - 1) for place in range(points)]
    with tqdm(total=2 * points, desc="connectivity", disable=not progress, leave=False) as bar:
        path = _walk(there, weights, ways, alphas, bar)
        control = _walk(there, weights, as_long(ways, generator(seed, "random way")), alphas, bar)
    path[-1] = ends[1]  # the sum a + (b - a) rounds
    barrier, at = _barrier(alphas, path)
    return Connectivity(
        alphas=tuple(alphas), path=tuple(path), barrier=barrier, at=at,
        distance=math.sqrt(sum(float(way.double().square().sum()) for way in ways)),
        barrier_over_mean=max(path) - (path[0] + path[-1]) / 2,
        control_path=tuple(control), control_barrier=_barrier(alphas, control)[0],
    )  # fmt: skip


def _walk(
    loss: TokenMeanLoss,
    weights: list[torch.Tensor],
    way: list[torch.Tensor],
    alphas: list[float],
    bar: tqdm[Any],
) -> list[float]:
    """The loss at each share of a way; where it overflows, infinity."""
    path = []
    with displaced(weights) as place:
        for alpha in alphas:
            place.to((alpha, way))
            here = float(loss())
            path.append(math.inf if math.isnan(here) else here)
            bar.update()
    return path


def _finite(name: str, loss: TokenMeanLoss) -> float:
    value = float(loss())
    if not math.isfinite(value):
        raise BadInput(
            f"{name}: its loss is {value}, so no barrier can be told; look for weights that are not numbers"
        )
    return value


def _difference(model_a: Any, model_b: Any) -> list[torch.Tensor]:
    for name, model in (("model_a", model_a), ("model_b", model_b)):
        if not isinstance(model, torch.nn.Module):
            raise BadInput(f"{name} must be a causal language model, but a {type(model).__name__} was given")
        require_wide(name, model.parameters())
    require_alike(
        "model_b", model_b, model_a, whose="model_a's",
        hint="so there is no way from one to the other; both must be of one architecture",
    )  # fmt: skip
    theirs = dict(model_b.named_parameters())
    return [theirs[name].to(weight) - weight for name, weight in model_a.named_parameters()]


def _barrier(alphas: list[float], path: list[float]) -> tuple[float, float]:
    """How far the path comes above the line between its ends, and where; the ends lie on it."""
    rise = path[-1] - path[0]
    above = [value - (path[0] + alpha * rise) for alpha, value in zip(alphas, path, strict=True)]
    highest = max(range(1, len(above) - 1), key=above.__getitem__)
    return (above[highest], alphas[highest]) if above[highest] > 0 else (0.0, 0.0)
