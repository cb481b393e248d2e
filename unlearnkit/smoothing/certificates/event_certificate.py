"""What sampling an event under Gaussian noise certifies about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from unlearnkit.errors import require_positive
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.certificates.clopper_pearson import interval, lower_bound


@dataclass(frozen=True)
class EventCertificate:
    """How far the weights may be moved while the smoothed event stays more likely than not.

    Cohen, Rosenfeld and Kolter 2019 (1902.02918), theorem 1, with weights in place of inputs: let g(theta) be
    the probability of the event at theta + sigma u, u standard normal. With confidence 1 - alpha
    g(theta) >= p_lower, and then for every displacement delta g(theta + delta) >= Phi(Phi^-1(p_lower) -
    ||delta|| / sigma): above 1/2 within the radius sigma Phi^-1(p_lower), and no larger one follows from
    p_lower alone.

    What it is not: a statement about the model without noise, about lengths other than L2, or about another
    event than the one that was counted.

    Attributes
    ----------
    count, samples : int
        How often the event came, of how many independent draws.
    sigma : float
        Standard deviation of each weight's noise.
    alpha : float
        The risk, over the draws, that p_lower is too high. For this event alone.
    works : bool
        Whether the model still works under this noise; if not, nothing is certified. An event on its own does
        not ask.
    """

    count: int
    samples: int
    sigma: float
    alpha: float
    works: bool = True

    @property
    def p_hat(self) -> float:
        """The share of draws in which the event came: an estimate, and no bound."""
        return self.count / self.samples

    @property
    def p_lower(self) -> float:
        """What the event's probability under noise is at least: the Clopper-Pearson bound at 1 - alpha."""
        return float(lower_bound(self.count, self.samples, self.alpha))

    @property
    def interval(self) -> tuple[float, float]:
        """The two-sided Clopper-Pearson interval of the probability, at 1 - alpha."""
        return interval(self.count, self.samples, self.alpha)

    @property
    def abstained(self) -> bool:
        """Whether nothing is certified: p_lower is 1/2 or below, or the model does not work under noise."""
        return not self.works or self.p_lower <= 0.5

    @property
    def radius(self) -> float:
        """The certified radius in L2: sigma Phi^-1(p_lower), 0.0 when abstained; higher means further."""
        return 0.0 if self.abstained else float(self.sigma * ndtri(self.p_lower))

    def at(self, distance: float) -> float:
        """What the event's probability under noise is at least, at any displacement of this L2 length.

        Phi(Phi^-1(p_lower) - distance / sigma); 0.0 where the model does not work under noise.

        Raises
        ------
        BadInput
            For a distance below 0, or one that is no number.

        Examples
        --------
        >>> found = EventCertificate(count=990, samples=1000, sigma=0.4, alpha=0.001)
        >>> found.at(0.0) == found.p_lower, abs(found.at(found.radius) - 0.5) < 1e-12
        (True, True)
        """
        require_positive("distance", distance, zero_allowed=True, hint="It is a length in L2.")
        if not self.works:
            return 0.0
        return float(certified(self.p_lower, distance, self.sigma))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what follows from the counts stands beside them."""
        return {
            "count": self.count, "samples": self.samples, "sigma": self.sigma, "alpha": self.alpha,
            "works": self.works, "p_hat": self.p_hat, "p_lower": self.p_lower, "radius": self.radius,
            "abstained": self.abstained,
        }  # fmt: skip

    def _repr_html_(self) -> str:
        radius = "abstained" if self.abstained else f"{self.radius:.4g}"
        came = f"{self.count} of {self.samples}"
        row = (came, f"{self.p_hat:.4g}", f"{self.p_lower:.4g}", f"{self.sigma:g}", radius)
        title = f"the event under noise, confidence {1 - self.alpha:g}"
        return html_table(title, ("came", "share", "at least", "sigma", "radius (L2)"), [row])


def certified(
    p_lower: float | npt.NDArray[Any], distance: float | npt.NDArray[Any], sigma: float
) -> npt.NDArray[np.float64]:
    """Phi(Phi^-1(p_lower) - distance / sigma), elementwise: the theorem's bound at a distance."""
    kept = np.asarray(p_lower, dtype=np.float64)
    away = np.asarray(distance, dtype=np.float64)
    # At distance 0 the bound is p_lower itself, to the bit.
    return np.asarray(np.where(away == 0, kept, ndtr(ndtri(kept) - away / sigma)), dtype=np.float64)
