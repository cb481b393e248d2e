"""A number that was sampled: its estimate, standard error and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from unlearnkit.flatness.tables import html_table

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over independent samples.

    Attributes
    ----------
    name : str
    estimate, stderr : float
    interval : (float, float)
        At the 95 % level, by Student's t.
    samples : int
    hvps : int
        Hessian-vector products that it took.
    """

    name: str
    estimate: float
    stderr: float
    interval: tuple[float, float]
    samples: int
    hvps: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        low, high = self.interval
        row = (f"{self.estimate:.5g}", f"{self.stderr:.2g}", f"{low:.5g} to {high:.5g}", str(self.samples))
        return html_table(self.name, ("estimate", "standard error", "95 % interval", "samples"), [row])


def mean_of(name: str, values: Sequence[float], *, offset: float = 0.0, hvps: int = 0) -> Estimate:
    """The mean of at least two samples, plus a known offset, with Student's interval."""
    array = np.asarray(values, dtype=np.float64)
    stderr = float(array.std(ddof=1) / len(array) ** 0.5)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(array) - 1)) * stderr
    middle = float(array.mean()) + offset
    return Estimate(name, middle, stderr, (middle - reach, middle + reach), len(array), hvps)
