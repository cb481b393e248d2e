"""A mean over prompts with a bootstrap interval, as MUSE's logger computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unlearnkit.errors import BadInput, require_integer
from unlearnkit.randomness import generator

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % percentile-bootstrap interval, in the unit of the values.

    Attributes
    ----------
    mean, low, high : float
        Where all values are the same, the interval has no width: it says nothing then.
    n : int
        Prompts behind it.
    """

    mean: float
    low: float
    high: float
    n: int

    def named(self, name: str) -> dict[str, float]:
        """Plain numbers: name, name_low, name_high and name_n."""
        return {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high, f"{name}_n": self.n}

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def draws(count: int, *, seed: int, stream: str, resamples: int = RESAMPLES) -> NDArray[np.int64]:
    """Which of `count` values each resample takes: (resamples, count)."""
    require_integer("resamples", resamples, minimum=1)
    source = generator(seed, "bootstrap", stream)
    picked: NDArray[np.int64] = torch.randint(count, (resamples, count), generator=source).numpy()
    return picked


def percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 %."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def bootstrap_mean(
    values: Sequence[float], *, seed: int = 0, stream: str = "prompts", resamples: int = RESAMPLES
) -> Estimate:
    """The mean, and the middle 95 % of the means of resamples.

    Raises
    ------
    BadInput
        Without a value, or with one that is not a finite number.

    References
    ----------
    Efron 1979, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7.

    Examples
    --------
    >>> found = bootstrap_mean([0.0, 1.0] * 50)
    >>> found.mean, 0.38 < found.low < 0.43, 0.57 < found.high < 0.62
    (0.5, True, True)
    """
    listed = np.asarray(values, dtype=np.float64)
    if listed.ndim != 1 or not len(listed) or not np.isfinite(listed).all():
        raise BadInput(f"values must be finite numbers, one a prompt, at least one; given {len(listed)}")
    means = listed[draws(len(listed), seed=seed, stream=stream, resamples=resamples)].mean(axis=1)
    return Estimate(float(listed.mean()), *percentiles(means), len(listed))
