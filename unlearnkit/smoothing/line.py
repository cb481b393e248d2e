"""A loss and its smoothed selves along a line through the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.displaced import unflatten
from unlearnkit.errors import BadInput, require_integer, require_positive
from unlearnkit.flatness.directions import random_direction
from unlearnkit.flatness.estimate import Estimate
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.around import Around, around, finite_value_of
from unlearnkit.smoothing.formula import Smoothable, require_smoothable
from unlearnkit.smoothing.noise import Noise, Step, size_of
from unlearnkit.smoothing.smoothed_loss import sampled
from unlearnkit.token_mean_loss import TokenMeanLoss

SIGMAS = (0.003, 0.01, 0.03)


@dataclass(frozen=True)
class SmoothedLine:
    """f and f_sigma at theta + alpha * direction.

    Attributes
    ----------
    alphas : tuple of float
        0 is the weights themselves.
    values : tuple of float
        f.
    smoothed : dict of float to tuple of Estimate
        f_sigma by sigma, under the same noise at every alpha.
    law : str
    per_weight : dict of float to float
        Each sigma's change of a weight, in root mean square.
    length : float
        The direction's L2 length: how far alpha = 1 is.
    samples, seed : int
    """

    alphas: tuple[float, ...]
    values: tuple[float, ...]
    smoothed: dict[float, tuple[Estimate, ...]]
    law: str
    per_weight: dict[float, float]
    length: float
    samples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        middle = min(range(len(self.alphas)), key=lambda place: abs(self.alphas[place]))
        rows = [("f", f"{self.values[middle]:.4g}", f"{min(self.values):.4g}", f"{max(self.values):.4g}")]
        for sigma, along in self.smoothed.items():
            found = [one.estimate for one in along]
            rows.append(
                (f"sigma {sigma:g}", f"{found[middle]:.4g}", f"{min(found):.4g}", f"{max(found):.4g}")
            )
        return html_table("along a line", ("loss", "at the weights", "lowest", "highest"), rows)


def smoothed_line(
    loss: Smoothable,
    direction: torch.Tensor | None = None,
    *,
    sigmas: Sequence[float] = SIGMAS,
    points: int = 11,
    span: float = 1.0,
    samples: int = 8,
    law: str = "gaussian",
    seed: int = 0,
    progress: bool = False,
) -> SmoothedLine:
    """The loss and its smoothed selves at theta + alpha * direction.

    Parameters
    ----------
    loss : TokenMeanLoss, Formula, or whatever has `weights` and is callable
    direction : Tensor (parameters,), optional
        Flat. Without one: random, and scaled to each output unit's weights where the loss is a
        `TokenMeanLoss` (`uk.flatness.random_direction`); normal otherwise.
    sigmas : sequence of float
        Different ones; see `smoothed_loss`.
    points : int
        Odd, so that the middle one is the weights themselves.
    span : float
        alpha runs from -span to span.
    samples : int
        Antithetic pairs, the same at every alpha.
    law : {"gaussian", "sphere", "ball"}
    seed : int
    progress : bool

    Returns
    -------
    SmoothedLine

    Raises
    ------
    BadInput
        For a loss without weights, or not finite at them; a direction of another size, not finite or 0; no
        sigma, or the same twice; an even number of points; fewer than 2 samples.

    Examples
    --------
    >>> from unlearnkit.smoothing import Formula
    >>> corner = Formula(lambda w: w.abs().sum(), torch.zeros(1))
    >>> found = smoothed_line(corner, torch.ones(1), sigmas=[0.5], points=3, samples=64)
    >>> found.values, found.smoothed[0.5][1].estimate > 0.3
    ((1.0, 0.0, 1.0), True)
    """
    require_smoothable(loss)
    noises = _noises(law, sigmas, size_of(loss.weights), seed)
    require_integer("points", points, minimum=3)
    if points % 2 == 0:
        raise BadInput(f"points must be odd, so that one is the weights themselves, but {points} was given")
    require_positive("span", span)
    require_integer("samples", samples, minimum=2, hint="Two directions are the fewest that have a spread.")
    way = _way(loss, direction, seed)
    finite_value_of(loss)
    alphas = [span * (place - points // 2) / (points // 2) for place in range(points)]
    rounds = len(alphas) * (1 + len(noises) * samples)
    with tqdm(total=rounds, desc="line", disable=not progress, leave=False) as bar, around(loss) as at:
        values = list(_walk(at, way, alphas, bar))
        smoothed = {
            noise.sigma: tuple(
                sampled("smoothed loss", list(draws))
                for draws in zip(*_smooth_walks(at, way, alphas, noise, samples, bar), strict=True)
            )
            for noise in noises
        }
    length = sum(float(part.double().square().sum()) for part in way) ** 0.5
    return SmoothedLine(
        tuple(alphas), tuple(values), smoothed, law, {noise.sigma: noise.per_weight for noise in noises},
        length, samples, int(seed),
    )  # fmt: skip


def _noises(law: str, sigmas: Any, size: int, seed: int) -> list[Noise]:
    if not isinstance(sigmas, list | tuple) or not sigmas:
        raise BadInput(f"sigmas must be a list of radii, but {sigmas!r:.60} was given")
    noises = [Noise(law, sigma, size, seed) for sigma in sigmas]
    if len(set(sigmas)) < len(sigmas):
        raise BadInput(
            f"sigmas: the same radius twice would be computed twice ({sigmas!r:.60}); name each once"
        )
    return noises


@torch.no_grad()
def _way(loss: Any, direction: torch.Tensor | None, seed: int) -> list[torch.Tensor]:
    weights = loss.weights
    if direction is None:
        if isinstance(loss, TokenMeanLoss):
            return random_direction(loss, seed=seed)
        return Noise("gaussian", 1.0, size_of(weights), seed).step(weights, 0, stream=1)[1]
    size = size_of(weights)
    if not isinstance(direction, torch.Tensor) or tuple(direction.shape) != (size,):
        given = tuple(direction.shape) if isinstance(direction, torch.Tensor) else type(direction).__name__
        raise BadInput(
            f"direction must be a flat vector of {size} numbers, a weight each, but {given} was given"
        )
    if not direction.isfinite().all() or not direction.any():
        raise BadInput("direction: it must be finite and not 0, or there is no line to walk")
    return [part.to(w) for part, w in zip(unflatten(direction.detach(), weights), weights, strict=True)]


def _walk(
    at: Around, way: list[torch.Tensor], alphas: Sequence[float], bar: Any, *beside: Step
) -> Iterator[float]:
    for alpha in alphas:
        yield at.value((alpha, way), *beside)
        bar.update(1 / max(1, 2 * len(beside)))


def _smooth_walks(
    at: Around, way: list[torch.Tensor], alphas: Sequence[float], noise: Noise, samples: int, bar: Any
) -> Iterator[list[float]]:
    """For each pair of draws, the mean of both sides at every alpha."""
    for sample in range(samples):
        scale, u = noise.step(at.weights, sample)
        sides = (_walk(at, way, alphas, bar, (side * scale, u)) for side in (1, -1))
        yield [sum(ends) / 2 for ends in zip(*sides, strict=True)]
