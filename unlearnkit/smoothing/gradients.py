"""The gradient of a smoothed loss three ways, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.flatness.memory import require_room
from unlearnkit.smoothing.around import around, finite_value_of, require_gradients
from unlearnkit.smoothing.estimators import ESTIMATORS, Look
from unlearnkit.smoothing.formula import Smoothable, require_smoothable
from unlearnkit.smoothing.moments import Moments
from unlearnkit.smoothing.noise import Noise, size_of
from unlearnkit.smoothing.smoothed_gradient import Agreement, GradientComparison, SmoothedGradient

METHODS = ("first order", "two-point", "score", "score, baseline")
SMOOTHED_BY = ("gaussian", "ball")


def compare_gradients(
    loss: Smoothable,
    *,
    sigma: float = 0.01,
    samples: int = 64,
    law: str = "gaussian",
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    progress: bool = False,
) -> GradientComparison:
    """Estimate the gradient of a smoothed loss in several ways, each from draws of its own.

    - "first order": grad f(theta + sigma u), differentiated through the noise (Duchi et al. 1103.4296, as
      `uk.optim.RandomizedSmoothing` steps); 3 forward-equivalents.
    - "two-point": [f(theta + sigma u) - f(theta - sigma u)] / (2 sigma) u, what zeroth-order optimizers step
      along (`uk.optim.two_point`); 2.
    - "score": f(theta + sigma u) u / sigma, the score function's form (Nesterov and Spokoiny 2017); 1.
      Its antithetic pairs are two-point.
    - "score, baseline": the same of f(theta + sigma u) - f(theta); 1, and f(theta) once.
    - "as printed" (law "ball" only): two-point without the factor d, as arXiv 2510.00761 prints it with u on
      the unit sphere. Its mean is the gradient over d, so it agrees with none of the others.

    All but the last have the gradient of f_sigma as their mean. With law "ball" gradients are taken in the
    ball and values on its sphere, times d / sigma for 1 / sigma (Flaxman et al. cs/0408007, lemma 1).

    Parameters
    ----------
    loss : TokenMeanLoss, Formula, or whatever has `weights` and is callable
    sigma : float
        See `smoothed_loss`: a standard deviation a weight ("gaussian"), an L2 radius ("ball").
    samples : int
        Of each method.
    law : {"gaussian", "ball"}
        The average on a sphere has no estimate of its gradient from values on that sphere.
    methods : sequence of str
    seed : int
    progress : bool

    Returns
    -------
    GradientComparison

    Raises
    ------
    BadInput
        For a loss without weights or gradients, or not finite; a sigma that is not positive; an unknown law
        or method, or the same twice; fewer than 2 samples; vectors that do not fit into memory.

    Examples
    --------
    >>> import torch
    >>> from unlearnkit.smoothing import Formula
    >>> found = compare_gradients(Formula(lambda w: w.pow(3).sum(), torch.ones(3)), sigma=0.1, samples=200)
    >>> found.agreement("first order", "two-point").agree
    True
    """
    _check(loss, law, methods)
    noise = Noise(law, sigma, size_of(loss.weights), seed)
    require_integer("samples", samples, minimum=2, hint="Two samples are the fewest that have a spread.")
    needed = (2 * len(methods) + 3) * 8 * noise.size
    require_room("means and variances", needed, loss.weights[0].device, way_out="name fewer methods")
    here = finite_value_of(loss)
    estimates = {}
    with (
        tqdm(total=samples * len(methods), desc="gradients", disable=not progress, leave=False) as bar,
        around(loss) as at,
    ):
        ahead = at.gradient()
        for name in methods:
            look = Look(at, law, float(sigma), seed, here)
            estimates[name] = _estimate(look, name, samples, ahead, bar)
    pairs = combinations(estimates.values(), 2)
    return GradientComparison(
        law=law, sigma=float(sigma), per_weight=noise.per_weight, parameters=noise.size, seed=int(seed),
        estimates=estimates, agreements=tuple(_agreement(*pair) for pair in pairs),
    )  # fmt: skip


def _check(loss: Smoothable, law: str, methods: Sequence[str]) -> None:
    require_smoothable(loss)
    require_gradients(loss)
    require_one_of("law", law, SMOOTHED_BY)
    if not isinstance(methods, list | tuple) or not methods or len(set(methods)) < len(methods):
        raise BadInput(f"methods must be a list of different names, but {methods!r:.60} was given")
    for name in methods:
        require_one_of("methods", name, METHODS if law == "gaussian" else ESTIMATORS)


def _estimate(look: Look, name: str, samples: int, ahead: torch.Tensor, bar: Any) -> SmoothedGradient:
    unit = ahead / ahead.norm() if ahead.norm() else ahead
    moments, along, before = Moments(), Moments(), look.at.forwards
    for sample in range(samples):
        found = ESTIMATORS[name](look, sample)
        moments.add(found)
        along.add(found @ unit)
        bar.update()
    once = 1.0 if name == "score, baseline" else 0.0  # f(theta) itself
    return SmoothedGradient(
        method=name, mean=moments.mean, variance=moments.variance, samples=samples,
        forward_equivalents=look.at.forwards - before + once, along=float(along.mean),
        along_stderr=math.sqrt(float(along.variance) / samples),
    )  # fmt: skip


def _agreement(one: SmoothedGradient, other: SmoothedGradient) -> Agreement:
    distance = float((one.mean - other.mean).norm())
    rises = one.along - other.along
    return Agreement(
        one.method, other.method, apart=_in_units(distance, math.hypot(one.stderr, other.stderr)),
        along=_in_units(rises, math.hypot(one.along_stderr, other.along_stderr)),
    )  # fmt: skip


def _in_units(distance: float, stderr: float) -> float:
    """A distance over its standard error; of two numbers without spread 0 or infinity."""
    if stderr:
        return distance / stderr
    return math.copysign(math.inf, distance) if distance else 0.0
