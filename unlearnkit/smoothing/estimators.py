"""The gradient of a smoothed loss, one sample at a time: by backward, by differences, by scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from unlearnkit.displaced import flatten
from unlearnkit.smoothing.around import Around
from unlearnkit.smoothing.noise import Noise


@dataclass(frozen=True)
class Look:
    """What a sample is made of.

    Attributes
    ----------
    at : Around
    law : {"gaussian", "ball"}
        The law whose smoothed loss is differentiated.
    sigma : float
    seed : int
    value : float
        f at the weights, where it was asked for.
    """

    at: Around
    law: str
    sigma: float
    seed: int
    value: float

    def inside(self) -> Noise:
        """The noise of the law itself, for gradients."""
        return Noise(self.law, self.sigma, self._size, self.seed)

    def outside(self) -> Noise:
        """The noise for values: for a ball that on its sphere (Flaxman et al. cs/0408007, lemma 1).

        Along directions of mean square 1 and over a change of sigma / sqrt(d) a weight, a slope times a
        direction has the factor d by itself: (d / sigma) f u = f (sqrt(d) u) / (sigma / sqrt(d)).
        """
        law = "sphere" if self.law == "ball" else self.law
        return Noise(law, self.sigma, self._size, self.seed)

    @property
    def _size(self) -> int:
        return sum(weight.numel() for weight in self.at.weights)


def first_order(look: Look, sample: int) -> torch.Tensor:
    """The noisy loss, differentiated: grad f(theta + sigma u)."""
    return look.at.gradient(look.inside().step(look.at.weights, sample, STREAMS["first order"]))


def two_point(look: Look, sample: int) -> torch.Tensor:
    """[f(theta + sigma u) - f(theta - sigma u)] / (2 sigma) u, and times d on the sphere."""
    scale, u = look.outside().step(look.at.weights, sample, STREAMS["two-point"])
    ends = look.at.value((scale, u)), look.at.value((-scale, u))
    return flatten(u).double() * ((ends[0] - ends[1]) / (2 * scale))


def score(look: Look, sample: int) -> torch.Tensor:
    """f(theta + sigma u) u / sigma, and times d on the sphere: the score function's form."""
    scale, u = look.outside().step(look.at.weights, sample, STREAMS["score"])
    return flatten(u).double() * (look.at.value((scale, u)) / scale)


def score_with_baseline(look: Look, sample: int) -> torch.Tensor:
    """[f(theta + sigma u) - f(theta)] u / sigma: as E u = 0, the baseline changes no mean."""
    scale, u = look.outside().step(look.at.weights, sample, STREAMS["score, baseline"])
    return flatten(u).double() * ((look.at.value((scale, u)) - look.value) / scale)


def as_printed(look: Look, sample: int) -> torch.Tensor:
    """Two-point on the unit sphere without the factor d, as arXiv 2510.00761 prints it."""
    scale, u = look.outside().step(look.at.weights, sample, STREAMS["as printed"])
    ends = look.at.value((scale, u)), look.at.value((-scale, u))
    return flatten(u).double() * ((ends[0] - ends[1]) / (2 * scale)) / look.outside().size


Estimator = Callable[[Look, int], torch.Tensor]
ESTIMATORS: dict[str, Estimator] = {
    "first order": first_order,
    "two-point": two_point,
    "score": score,
    "score, baseline": score_with_baseline,
    "as printed": as_printed,
}
# Each has draws of its own, so that their means are independent. Those of "two-point" are an optimizer's.
STREAMS = {
    name: place for place, name in enumerate(("two-point", *(n for n in ESTIMATORS if n != "two-point")))
}
