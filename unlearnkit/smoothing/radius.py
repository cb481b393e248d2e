"""A sweep over radii: at which is zeroth order a descent of a smoothed loss, and not of the loss itself?"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput, require_integer
from unlearnkit.flatness.estimate import Estimate
from unlearnkit.flatness.memory import require_room
from unlearnkit.journal import Journal
from unlearnkit.smoothing.around import Around, around, finite_value_of, require_gradients
from unlearnkit.smoothing.curvature import trace_of
from unlearnkit.smoothing.formula import Smoothable, require_smoothable
from unlearnkit.smoothing.gradient_shift import cosine, expected_cosine, gradient_shift
from unlearnkit.smoothing.noise import Noise, size_of
from unlearnkit.smoothing.smoothed_loss import sampled
from unlearnkit.smoothing.swept import RadiusPoint, RadiusSweep
from unlearnkit.token_mean_loss import TokenMeanLoss, loss_fingerprint

ROUNDINGS = 4
SIGMAS = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


def radius_sweep(
    loss: Smoothable,
    sigmas: Sequence[float] = SIGMAS,
    *,
    queries: int = 32,
    gradients: int = 8,
    trace_samples: int = 50,
    seed: int = 0,
    keep: str | Path | None = None,
    progress: bool = False,
) -> RadiusSweep:
    """Smooth a loss with Gaussian noise over decades of radii, and look at what a zeroth-order step sees.

    Two-point estimates are unbiased for the gradient of f_sigma at any radius. Whether that says anything is
    another matter: as long as grad f_sigma is grad f, zeroth order is first order with noise. So each radius
    has the gap f_sigma - f beside sigma^2 / 2 tr H; the shift of the gradient; and the cosine of the averaged
    estimate with both gradients, beside what sampling alone leaves of it. On a sphere of that L2 radius all
    is the same up to O(1 / d).

    Parameters
    ----------
    loss : TokenMeanLoss, Formula, or whatever has `weights` and is callable
    sigmas : sequence of float
        Changes of a weight, each once.
    queries : int
        Antithetic pairs of losses at each radius: 2 forward-equivalents each. Every radius has the same
        directions.
    gradients : int
        Antithetic pairs of gradients, of other directions: 6 each. They are held (4 bytes a weight each).
    trace_samples : int
        Hessian-vector products.
    seed : int
    keep : path, optional
        A file in which finished radii are kept: started again with the same loss, weights, data and
        arguments, the sweep goes on where it stopped. For a `TokenMeanLoss`.
    progress : bool

    Returns
    -------
    RadiusSweep
        `.words` says which radius has content for this model, and what the papers' radii are here.

    Raises
    ------
    BadInput
        For a loss without weights or gradients, or not finite; radii that are not positive, none, or one
        twice; fewer than 2 queries, 3 gradients or 2 samples of the trace; `keep` for another loss; gradients
        that do not fit into memory.

    Examples
    --------
    >>> from unlearnkit.smoothing import Formula
    >>> quartic = Formula(lambda w: w.pow(4).sum(), torch.full((40,), 0.5))
    >>> found = radius_sweep(quartic, sigmas=[0.001, 0.01, 0.1], queries=200)
    >>> found.quadratic_to, found.content_from
    (0.1, 0.1)
    """
    sigmas = _checked(loss, sigmas, queries, gradients, trace_samples, seed)
    kept = _Kept(keep, loss, [queries, gradients, trace_samples, int(seed)])
    here = finite_value_of(loss)
    noises = [Noise("gaussian", sigma, size_of(loss.weights), seed) for sigma in sigmas]
    with (
        tqdm(total=len(noises), desc="radii", disable=not progress, leave=False) as bar,
        around(loss) as at,
    ):
        plain = at.gradient()
        trace = kept.trace() or trace_of(loss, samples=trace_samples, seed=seed)
        kept.add("trace", asdict(trace))
        rms = _rms(loss.weights)
        rounding = _rounding(at, here, rms, seed)
        points = []
        for noise in noises:
            point = kept.point(noise.sigma) or _point(at, noise, here, plain, trace, rms, queries, gradients)
            kept.add(repr(noise.sigma), asdict(point))
            points.append(point)
            bar.update()
    return RadiusSweep(
        value=here, parameters=noises[0].size, weight_rms=rms, gradient_norm=float(plain.norm()), trace=trace,
        rounding=rounding, queries=queries, gradients=gradients,
        seed=int(seed), points=tuple(points),
        forward_equivalents=_cost(len(points), queries, gradients, trace_samples),
    )  # fmt: skip


def _checked(
    loss: Any, sigmas: Any, queries: int, gradients: int, trace_samples: int, seed: int
) -> list[float]:
    require_smoothable(loss)
    require_gradients(loss)
    if not isinstance(sigmas, list | tuple) or not sigmas or len(set(sigmas)) < len(sigmas):
        raise BadInput(f"sigmas must be a list of radii, each once, but {sigmas!r:.60} was given")
    size = size_of(loss.weights)
    ordered = sorted(Noise("gaussian", sigma, size, seed).sigma for sigma in sigmas)
    require_integer("queries", queries, minimum=2, hint="Two directions are the fewest that have a spread.")
    require_integer(
        "gradients", gradients, minimum=3, hint="The spread of products between pairs needs three of them."
    )
    require_integer("trace_samples", trace_samples, minimum=2)
    needed, device = (4 * gradients + 48) * size, loss.weights[0].device
    require_room(f"{gradients} gradients", needed, device, way_out="give fewer gradients")
    return [float(sigma) for sigma in ordered]


def _point(
    at: Around,
    noise: Noise,
    here: float,
    plain: torch.Tensor,
    trace: Estimate,
    rms: float,
    queries: int,
    gradients: int,
) -> RadiusPoint:
    moved = at.moved_fraction(noise.step(at.weights, 0))
    draws, estimate = _both_sides(at, noise, queries)
    shift = gradient_shift(at, noise, plain, gradients)
    return RadiusPoint(
        sigma=noise.sigma, relative=noise.sigma / rms if rms else math.inf, l2_radius=noise.l2,
        smoothed=sampled("smoothed loss", draws), gap=sampled("gap", [draw - here for draw in draws]),
        predicted=noise.sigma**2 / 2 * trace.estimate,
        cosine_plain=cosine(estimate, plain), cosine_smoothed=cosine(estimate, shift.mean, norm=shift.norm),
        cosine_expected=expected_cosine(queries, noise.size), cosine_by_chance=noise.size**-0.5,
        gradient_cosine=shift.cosine, gradient_shift=shift.distance,
        gradient_shift_interval=shift.interval, moved_fraction=moved,
    )  # fmt: skip


def _both_sides(at: Around, noise: Noise, queries: int) -> tuple[list[float], torch.Tensor]:
    """The mean loss at both ends of each direction, and of the same passes the two-point estimate."""
    draws, total = [], torch.zeros(noise.size, dtype=torch.float64, device=at.weights[0].device)
    for query in range(queries):
        scale, u = noise.step(at.weights, query)
        ends = at.value((scale, u)), at.value((-scale, u))
        draws.append(sum(ends) / 2)
        total.add_(flatten(u).double(), alpha=(ends[0] - ends[1]) / (2 * scale * queries))
    return draws, total


def _cost(points: int, queries: int, gradients: int, trace_samples: int) -> float:
    """In forward-equivalents, a product with the Hessian as two backward passes."""
    return 4.0 + 2 * ROUNDINGS + points * (2 * queries + 6 * gradients) + 4.0 * trace_samples


def _rounding(at: Around, here: float, rms: float, seed: int) -> float:
    """The gap's root mean square under noise of about one unit in the last place of the weights.

    Or one unit in the last place of the loss, if that is more.
    """
    last_place = torch.finfo(at.weights[0].dtype).eps
    noise = Noise("gaussian", last_place * (rms or 1.0), size_of(at.weights), seed)
    draws, _ = _both_sides(at, noise, ROUNDINGS)
    measured = math.sqrt(sum((draw - here) ** 2 for draw in draws) / ROUNDINGS)
    return max(measured, abs(here) * last_place)


def _rms(weights: Sequence[torch.Tensor]) -> float:
    square = sum(float(weight.detach().double().square().sum()) for weight in weights)
    return math.sqrt(square / size_of(weights))


class _Kept:
    """Finished radii in a file, or nowhere."""

    def __init__(self, path: str | Path | None, loss: Any, arguments: list[int]) -> None:
        if path is not None and not isinstance(loss, TokenMeanLoss):
            raise BadInput(
                "keep: radii are kept under a hash of weights and data, and only a TokenMeanLoss has data; "
                "leave keep out"
            )
        self._journal = None if path is None else Journal(Path(path))
        self._start = "" if path is None else json.dumps([loss_fingerprint(loss), *arguments])

    def trace(self) -> Estimate | None:
        """The trace, if it was kept."""
        found = self._get("trace")
        return None if found is None else Estimate(**{**found, "interval": tuple(found["interval"])})

    def point(self, sigma: float) -> RadiusPoint | None:
        """What was found at a radius, if it was kept."""
        found = self._get(repr(sigma))
        return None if found is None else RadiusPoint.from_dict(found)

    def add(self, what: str, record: dict[str, Any]) -> None:
        """Keep a result, once."""
        if self._journal is not None and self._get(what) is None:
            self._journal.add(self._start + what, record)

    def _get(self, what: str) -> dict[str, Any] | None:
        return None if self._journal is None else self._journal.get(self._start + what)
