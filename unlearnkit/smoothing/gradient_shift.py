"""How far the gradient of the smoothed loss is from that of the loss itself, without the noise's share.

A mean of n noisy gradients lies apart from the plain one by chance alone. Products of different samples have
no such share: their mean is unbiased for the squared distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from unlearnkit.flatness.estimate import LEVEL
from unlearnkit.smoothing.around import Around
from unlearnkit.smoothing.noise import Noise

STREAM = 1  # "first order" of estimators.py: not the draws of the zeroth-order estimate


@dataclass(frozen=True)
class GradientShift:
    """grad f_sigma against grad f.

    Attributes
    ----------
    distance : float
        ||grad f_sigma - grad f|| / ||grad f||; 0 where the estimate of its square is below 0, infinite where
        the gradient is 0.
    interval : (float, float)
        At the 95 % level, by the jackknife; the lower end is 0 where none was seen.
    cosine : float
        Of the two; nan where the smoothed gradient's length is lost in noise.
    norm : float
        ||grad f_sigma||; nan likewise.
    mean : Tensor (parameters,), float64
        The estimate of grad f_sigma.
    """

    distance: float
    interval: tuple[float, float]
    cosine: float
    norm: float
    mean: torch.Tensor


def gradient_shift(at: Around, noise: Noise, plain: torch.Tensor, samples: int) -> GradientShift:
    """From antithetic pairs of gradients: what is odd in the noise cancels, and most of the spread."""
    shifts = []
    for sample in range(samples):
        scale, u = noise.step(at.weights, sample, STREAM)
        both = at.gradient((scale, u)) + at.gradient((-scale, u))
        shifts.append((both / 2 - plain).float())
    gram = np.array([[float(a.double() @ b.double()) for b in shifts] for a in shifts])
    along = float(np.mean([float(shift.double() @ plain) for shift in shifts]))
    square, low, high = _off_diagonal(gram)
    own = float(plain.square().sum())
    norm = math.sqrt(left) if (left := own + 2 * along + square) > 0 else math.nan
    mean = plain + sum(shift.double() for shift in shifts) / samples
    cosine = _clipped((own + along) / (math.sqrt(own) * norm)) if own else math.nan
    share = [_root(value, own) for value in (square, low, high)]
    return GradientShift(share[0], (share[1], share[2]), cosine, norm, mean)


def _off_diagonal(gram: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> tuple[float, float, float]:
    """The mean over pairs of different samples, with the jackknife's 95 % interval."""
    count = len(gram)
    keep = [np.delete(np.delete(gram, i, 0), i, 1) for i in range(count)] if count > 2 else []
    middle = _mean_off_diagonal(gram)
    if not keep or not np.isfinite(gram).all():
        return middle, -math.inf, math.inf
    without = np.array([_mean_off_diagonal(part) for part in keep])
    stderr = math.sqrt((count - 1) / count * float(((without - without.mean()) ** 2).sum()))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * stderr
    return middle, middle - reach, middle + reach


def _mean_off_diagonal(gram: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    count = len(gram)
    return float((gram.sum() - np.trace(gram)) / (count * (count - 1)))


def _root(square: float, own: float) -> float:
    if not own:
        return math.inf if square > 0 else 0.0
    return math.sqrt(max(square, 0.0) / own)


def expected_cosine(queries: int, parameters: int) -> float:
    """What a mean of so many two-point estimates has with the very gradient that it estimates.

    sqrt(q / (q + d - 1)), of a linear function on the sphere at large d: from sampling alone.

    Examples
    --------
    >>> f"{expected_cosine(1, 50) ** 2:.3f}, {expected_cosine(20, 50) ** 2:.3f}"
    '0.020, 0.290'
    """
    return math.sqrt(queries / (queries + parameters - 1))


def cosine(one: torch.Tensor, other: torch.Tensor, *, norm: float | None = None) -> float:
    """Of two vectors; `norm` in place of the second's length, where that holds noise. Nan where one is 0."""
    lengths = float(one.norm()) * (float(other.norm()) if norm is None else norm)
    return _clipped(float(one @ other) / lengths) if lengths else math.nan


def _clipped(cosine: float) -> float:
    """Within -1 and 1: a length out of which noise was taken may be too short."""
    return max(-1.0, min(1.0, cosine)) if math.isfinite(cosine) else math.nan
