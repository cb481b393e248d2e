"""A share of right answers, with Wilson's interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """How many of a number of questions were answered rightly.

    Attributes
    ----------
    right, n : int

    Examples
    --------
    >>> share = Share(30, 40)
    >>> share.value, [round(end, 3) for end in share.interval]
    (0.75, [0.598, 0.858])
    """

    right: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; higher means more is known."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (Wilson 1927): where the share of more such questions may lie."""
        found = stats.binomtest(self.right, self.n).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)

    def includes(self, share: float) -> bool:
        """Whether the interval holds a share, such as chance."""
        low, high = self.interval
        return low <= share <= high

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        return {"value": self.value, "interval": list(self.interval), "right": self.right, "n": self.n}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}]"

    def _repr_html_(self) -> str:
        return f"<b>{self}</b> ({self.right} of {self.n} right, Wilson's 95 % interval)"
