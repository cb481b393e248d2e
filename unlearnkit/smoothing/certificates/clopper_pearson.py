"""Bounds on a probability from counts: exact, so that they hold at every number of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Counts = int | npt.NDArray[Any]


def lower_bound(count: Counts, samples: int, alpha: float) -> npt.NDArray[np.float64]:
    """What the probability is at least, with confidence 1 - alpha: one-sided, elementwise.

    The probability at which so many hits or more have probability alpha (Clopper and Pearson 1934); 0 at no
    hit, alpha^(1 / samples) when all are hits.

    Examples
    --------
    >>> float(lower_bound(0, 100, 0.01)), round(float(lower_bound(100, 100, 0.01)), 4)
    (0.0, 0.955)
    """
    hits = np.asarray(count, dtype=np.float64)
    bound = stats.beta.ppf(alpha, np.maximum(hits, 1), samples - hits + 1)
    return np.asarray(np.where(hits > 0, bound, 0.0), dtype=np.float64)


def interval(count: int, samples: int, alpha: float) -> tuple[float, float]:
    """Both ends, each at alpha / 2: together they hold with confidence 1 - alpha.

    Examples
    --------
    >>> [round(end, 3) for end in interval(50, 100, 0.05)]
    [0.398, 0.602]
    """
    return (
        float(lower_bound(count, samples, alpha / 2)),
        1.0 - float(lower_bound(samples - count, samples, alpha / 2)),
    )
