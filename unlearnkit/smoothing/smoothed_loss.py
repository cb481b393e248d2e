"""The smoothed loss f_sigma(theta) = E f(theta + sigma u), sampled, beside the loss itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.flatness.estimate import Estimate, mean_of
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.around import Around, around, finite_value_of
from unlearnkit.smoothing.formula import Smoothable, require_smoothable
from unlearnkit.smoothing.noise import Noise, size_of


@dataclass(frozen=True)
class SmoothedLoss:
    """A loss under noise in its weights; for a `TokenMeanLoss` in nats a token.

    Attributes
    ----------
    law : {"gaussian", "sphere", "ball"}
    sigma : float
        Standard deviation of a weight's change (gaussian), or L2 radius (sphere, ball).
    per_weight : float
        Root mean square of a weight's change, for every law.
    l2_radius : float
        Root mean square of the displacement's L2 length.
    parameters : int
        Weights that the noise moves.
    value : float
        f, at the weights themselves.
    smoothed : Estimate
        f_sigma, with standard error and 95 % interval.
    gap : Estimate
        f_sigma - f; to second order per_weight^2 / 2 * tr(Hessian).
    antithetic : bool
    seed : int
    draws : tuple of float
        Of each direction: f at its place, or with antithetic pairs the mean of f at both.
    moved_fraction : float
        The share of the weights that the first direction moved: below 1 where the noise rounds away.
    forward_equivalents : float
    """

    law: str
    sigma: float
    per_weight: float
    l2_radius: float
    parameters: int
    value: float
    smoothed: Estimate
    gap: Estimate
    antithetic: bool
    seed: int
    draws: tuple[float, ...]
    moved_fraction: float
    forward_equivalents: float

    @property
    def estimate(self) -> float:
        """f_sigma."""
        return self.smoothed.estimate

    @property
    def stderr(self) -> float:
        """Its standard error."""
        return self.smoothed.stderr

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return self.smoothed.interval

    def minus(self, other: SmoothedLoss) -> Estimate:
        """How far this smoothed loss lies above another model's, draw by draw under the same noise.

        Where this loss overflows under noise the difference is inf, where the other does -inf, and where both
        do nan.

        Raises
        ------
        BadInput
            When the noise was not the same.
        """
        names = ("law", "sigma", "parameters", "antithetic", "seed")
        unlike = [name for name in names if getattr(self, name) != getattr(other, name)]
        unlike += [] if len(self.draws) == len(other.draws) else ["samples"]
        if unlike:
            raise BadInput(
                f"other: its noise differs in {', '.join(unlike)}, so draws are no pairs; smooth both models "
                "with the same arguments"
            )
        pairs = zip(self.draws, other.draws, strict=True)
        return sampled("difference of smoothed losses", [ours - theirs for ours, theirs in pairs])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @property
    def words(self) -> str:
        """The result in a sentence."""
        low, high = self.gap.interval
        return (
            f"Under {self.law} noise that changes a weight by {self.per_weight:.3g} in root mean square "
            f"({self.l2_radius:.3g} in L2) the loss is {self.estimate:.4g} on average, "
            f"{abs(self.gap.estimate):.3g} {'above' if self.gap.estimate >= 0 else 'below'} the "
            f"{self.value:.4g} without (95 % interval of the difference {low:.3g} to {high:.3g})."
        )

    def _repr_html_(self) -> str:
        rows = [
            ("f, without noise", f"{self.value:.5g}", "", ""),
            *(_row(name, found) for name, found in (("f smoothed", self.smoothed), ("gap", self.gap))),
        ]
        title = f"{self.law} noise, {self.per_weight:.3g} a weight, {self.l2_radius:.3g} in L2"
        return html_table(title, ("", "estimate", "standard error", "95 % interval"), rows)


def _row(name: str, found: Estimate) -> tuple[str, str, str, str]:
    low, high = found.interval
    return name, f"{found.estimate:.5g}", f"{found.stderr:.2g}", f"{low:.5g} to {high:.5g}"


def smoothed_loss(
    loss: Smoothable,
    *,
    sigma: float = 0.01,
    samples: int = 64,
    law: str = "gaussian",
    antithetic: bool = True,
    seed: int = 0,
    progress: bool = False,
) -> SmoothedLoss:
    """The mean loss under noise in the weights: f_sigma(theta) = E f(theta + sigma u).

    It is what zeroth-order steps go down (Nesterov and Spokoiny 2017, section 2; on the sphere Flaxman et al.
    cs/0408007, lemma 1), and what first-order randomized smoothing does (Duchi et al. 1103.4296).

    Parameters
    ----------
    loss : TokenMeanLoss, Formula, or whatever has `weights` and is callable
    sigma : float
        By law, see below.
    samples : int
        Directions.
    law : {"gaussian", "sphere", "ball"}
        "gaussian": sigma is the standard deviation of each weight's change; the L2 radius is sigma sqrt(d).
        "sphere", "ball": u is uniform on or in the unit sphere, and sigma is the L2 radius; a weight changes
        by sigma / sqrt(d) or sigma / sqrt(d + 2) in root mean square. So one sigma is three radii: compare
        laws by `per_weight`.
    antithetic : bool
        Look at both sides of each direction, at twice the passes. What is odd in the noise cancels; without
        it the slope drowns the gap wherever sigma is small.
    seed : int
        The same seed is the same noise, for every model of one architecture: see `SmoothedLoss.minus`.
    progress : bool

    Returns
    -------
    SmoothedLoss
        A loss that overflows under noise makes its mean infinite; nothing is left out.

    Raises
    ------
    BadInput
        For what is no loss or has no weights, a loss not finite at its weights, a sigma that is not positive,
        an unknown law, fewer than 2 samples.

    Examples
    --------
    >>> import torch
    >>> from unlearnkit.smoothing import Formula
    >>> found = smoothed_loss(Formula(lambda w: w.square().sum(), torch.ones(50)), sigma=0.1, samples=400)
    >>> found.value, abs(found.gap.estimate - 0.1**2 * 50) < 4 * found.gap.stderr
    (50.0, True)
    """
    require_smoothable(loss)
    noise = Noise(law, sigma, size_of(loss.weights), seed)
    require_integer("samples", samples, minimum=2, hint="Two directions are the fewest that have a spread.")
    require_one_of("antithetic", antithetic, (True, False))
    here = finite_value_of(loss)
    with (
        tqdm(total=samples, desc="smoothed loss", disable=not progress, leave=False) as bar,
        around(loss) as at,
    ):
        moved = at.moved_fraction(noise.step(at.weights, 0))
        draws = []
        for sample in range(samples):
            draws.append(_draw(at, noise, sample, antithetic))
            bar.update()
        forwards = at.forwards + 1
    return SmoothedLoss(
        law=law, sigma=float(sigma), per_weight=noise.per_weight, l2_radius=noise.l2, parameters=noise.size,
        value=here, smoothed=sampled("smoothed loss", draws), gap=sampled("gap", [f - here for f in draws]),
        antithetic=antithetic, seed=int(seed), draws=tuple(draws), moved_fraction=moved,
        forward_equivalents=forwards,
    )  # fmt: skip


def _draw(at: Around, noise: Noise, sample: int, antithetic: bool) -> float:
    scale, u = noise.step(at.weights, sample)
    there = at.value((scale, u))
    return (there + at.value((-scale, u))) / 2 if antithetic else there


def sampled(name: str, values: Sequence[float]) -> Estimate:
    """The mean with its interval; inf, -inf or nan, and nothing known about it, where values are.

    Values of both inf and -inf have no mean: nan.
    """
    if np.isfinite(values).all():
        return mean_of(name, values)
    return Estimate(name, sum(values), math.inf, (-math.inf, math.inf), len(values))
