"""What sampling certifies about one model: each fact, the split, and whether the model still works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import ndtri

from unlearnkit.errors import unknown_name
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.certificates.clopper_pearson import lower_bound
from unlearnkit.smoothing.certificates.event_certificate import EventCertificate

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Retention:
    """Whether the model still works under noise: noise that wrecks it "forgets" everything.

    Attributes
    ----------
    estimate : float
        Mean share of kept facts that are answered under noise.
    interval : (float, float)
        Of that mean over the samples, by Student's t, at the certificate's confidence.
    unsmoothed : float
        The share without noise.
    floor : float
        0.8 of the unsmoothed share, the model's own or the target's, whichever is higher.
    facts : int
    """

    estimate: float
    interval: tuple[float, float]
    unsmoothed: float
    floor: float
    facts: int

    @property
    def works(self) -> bool:
        """Whether the interval lies at or above the floor; where nothing was known, nothing is kept."""
        return self.floor > 0 and self.interval[0] >= self.floor

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "works": self.works}


def retention(
    answered: Sequence[int], *, facts: int, unsmoothed: float, floor: float, alpha: float
) -> Retention:
    """From the number of kept facts answered in each sample."""
    mean, low, high = mean_and_interval([count / facts for count in answered], alpha)
    return Retention(mean, (low, high), unsmoothed, floor, facts)


def mean_and_interval(shares: Sequence[float], alpha: float) -> tuple[float, float, float]:
    """The mean of shares over independent samples, and Student's interval of it at 1 - alpha, within [0, 1].

    One sample says nothing about its spread: the interval is then everything.
    """
    values = np.asarray(shares, dtype=np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, 0.0, 1.0
    stderr = float(values.std(ddof=1)) / len(values) ** 0.5
    reach = float(stats.t.ppf(1 - alpha / 2, len(values) - 1)) * stderr
    return mean, max(mean - reach, 0.0), min(mean + reach, 1.0)


@dataclass(frozen=True)
class ModelCertificate:
    """A model under noise: how far each fact stays forgotten.

    Attributes
    ----------
    facts : tuple of str
        `Question.key` of each forget fact: the shown half first.
    forgotten : tuple of int
        For each fact, in how many samples the greedy answer was not exactly the true one.
    samples : int
    sigma, alpha : float
    split : EventCertificate or None
        Of the event that both halves are forgotten by the rule of `Run.status`: no half's share of exact
        answers is more than 0.05 above never_learned's. None without a never_learned model.
    retain : Retention
    known : tuple of bool
        Without noise: whether each fact's answer is exactly the true one.
    weights : str
        A hash of the model's weights.
    """

    facts: tuple[str, ...]
    forgotten: tuple[int, ...]
    samples: int
    sigma: float
    alpha: float
    split: EventCertificate | None
    retain: Retention
    known: tuple[bool, ...]
    weights: str

    @property
    def works(self) -> bool:
        """Whether the smoothed model keeps what it must; if not, every radius is 0."""
        return self.retain.works

    def fact(self, key: str, *, simultaneous: bool = False) -> EventCertificate:
        """One fact's certificate.

        Parameters
        ----------
        key : str
            Such as "capital/Chad"; `.facts` lists them.
        simultaneous : bool
            At alpha over the number of facts, so that all facts' statements hold together with confidence 1 -
            alpha (Bonferroni). Otherwise alpha is this fact's own risk.
        """
        if key not in self.facts:
            raise unknown_name("key", key, self.facts)
        count = self.forgotten[self.facts.index(key)]
        return EventCertificate(count, self.samples, self.sigma, self._level(simultaneous), self.works)

    def p_lower(self, *, simultaneous: bool = False) -> Array:
        """What each fact's probability of being forgotten under noise is at least: (facts,)."""
        return lower_bound(np.asarray(self.forgotten), self.samples, self._level(simultaneous))

    def radii(self, *, simultaneous: bool = False) -> Array:
        """Each fact's certified radius in L2, 0 where abstained: (facts,)."""
        kept = self.p_lower(simultaneous=simultaneous)
        above = (kept > 0.5) & self.works
        return np.where(above, self.sigma * ndtri(np.maximum(kept, 0.5)), 0.0)

    def certified_share(self, radius: float = 0.0, *, simultaneous: bool = False) -> float:
        """The share of facts whose certified radius is above 0 and at least this long."""
        radii = self.radii(simultaneous=simultaneous)
        return float(((radii > 0) & (radii >= radius)).mean())

    def _level(self, simultaneous: bool) -> float:
        return self.alpha / len(self.facts) if simultaneous else self.alpha

    @property
    def ceiling(self) -> float:
        """The longest radius that this many samples can certify for a fact."""
        return float(self.sigma * max(ndtri(self.alpha ** (1 / self.samples)), 0.0))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; radii stand beside the counts that they follow from."""
        return {
            **{name: getattr(self, name) for name in ("samples", "sigma", "alpha", "weights", "works")},
            "facts": list(self.facts), "forgotten": list(self.forgotten), "known": list(self.known),
            "split": self.split.to_dict() if self.split else None, "retain": self.retain.to_dict(),
            "radii": self.radii().tolist(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ModelCertificate:
        """Read what `to_dict` wrote."""
        kept = {**content["retain"], "interval": tuple(content["retain"]["interval"])}
        del kept["works"]
        split = content["split"]
        names = ("count", "samples", "sigma", "alpha", "works")
        return cls(
            facts=tuple(content["facts"]), forgotten=tuple(content["forgotten"]),
            split=EventCertificate(**{name: split[name] for name in names}) if split else None,
            retain=Retention(**kept), known=tuple(content["known"]),
            **{name: content[name] for name in ("samples", "sigma", "alpha", "weights")},
        )  # fmt: skip

    def row(self, name: str) -> tuple[str, ...]:
        """A line of a table; the head is `HEAD`."""
        low, high = self.retain.interval
        kept = f"{self.retain.estimate:.3f} ({low:.3f} to {high:.3f}; floor {self.retain.floor:.3f})"
        if not self.works:
            return name, kept, "abstained", "abstained", "abstained"
        split = "no control" if self.split is None else f"{self.split.radius:.4g}"
        share = f"{self.certified_share():.3f} ({self.certified_share(simultaneous=True):.3f})"
        return name, kept, share, f"{np.median(self.radii()):.4g}", split

    def _repr_html_(self) -> str:
        return html_table(f"certificate at sigma {self.sigma:g}", HEAD, [self.row("model")])


HEAD = (
    "",
    "retain under noise",
    "facts certified (all at once)",
    "median radius (L2)",
    "radius of the split",
)
