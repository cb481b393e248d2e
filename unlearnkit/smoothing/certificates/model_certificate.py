"""What sampling certifies about one model: each fact, the split, and whether the model still works."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import ndtri, rel_entr

from unlearnkit.errors import unknown_name
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.certificates.clopper_pearson import lower_bound
from unlearnkit.smoothing.certificates.event_certificate import EventCertificate
from unlearnkit.unlearning.status import RETAIN_FLOOR

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
    samples : int
    alpha : float
    """

    estimate: float
    interval: tuple[float, float]
    unsmoothed: float
    floor: float
    facts: int
    samples: int
    alpha: float

    @property
    def works(self) -> bool:
        """Whether the interval lies at or above the floor, and more than half is surely kept.

        Where nothing was known, nothing is kept. Student's interval is right with many samples only: noise
        that wrecks a quarter of the draws is not met in 10 with probability 0.06, and the interval is then
        [1, 1]. So `half_lost` must be at most alpha, too. It holds at every number of samples, and rules out
        noise under which half is lost on average: only a wreck in most draws makes a kept fact missed by
        majority.
        """
        return self.floor > 0 and self.interval[0] >= self.floor and self.half_lost <= self.alpha

    @property
    def half_lost(self) -> float:
        """How likely so high an estimate is at most, if on average half of `floor` / 0.8, or less, is kept.

        exp(-samples KL(estimate, half)) for independent draws of anything within [0, 1]; 1.0 where the
        estimate is no higher (Hoeffding 1963, "Probability inequalities for sums of bounded random
        variables", theorem 1, (2.1)).
        """
        half = self.floor / RETAIN_FLOOR / 2
        if self.estimate <= half:
            return 1.0
        return math.exp(-self.samples * _divergence(self.estimate, half)) if half > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "works": self.works}


def retention(
    answered: Sequence[int], *, facts: int, unsmoothed: float, floor: float, alpha: float
) -> Retention:
    """From the number of kept facts answered in each sample."""
    mean, low, high = mean_and_interval([count / facts for count in answered], alpha)
    return Retention(mean, (low, high), unsmoothed, floor, facts, len(answered), alpha)


def _divergence(p: float, q: float) -> float:
    """KL of a coin that falls heads with probability p from one with q, in nats."""
    return float(rel_entr(p, q) + rel_entr(1 - p, 1 - q))


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

    The risk of a radius adds to that of `works`: "this fact stays forgotten, and the smoothed model keeps
    more than half" is wrong with probability 2 alpha at most.

    Attributes
    ----------
    facts : tuple of str
        `Question.key` of each forget fact: the shown half first.
    forgotten : tuple of int
        For each fact, in how many samples the greedy answer was not exactly the true one.
    samples : int
    sigma, alpha : float
    split : EventCertificate or None
        Of the event that both halves are forgotten by the knowledge half of the rule of `Run.status`: no
        half's share of exact answers is more than 0.05 above never_learned's. None without a never_learned
        model.
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
        return self._counted_radii(simultaneous) * self.works

    def _counted_radii(self, simultaneous: bool) -> Array:
        """What follows from the counts, whether the model works or not."""
        kept = self.p_lower(simultaneous=simultaneous)
        return np.asarray(self.sigma * ndtri(np.maximum(kept, 0.5)), dtype=np.float64)

    def certified_share(self, radius: float = 0.0, *, simultaneous: bool = False) -> float:
        """The share of facts whose certified radius is above 0 and at least this long."""
        return _share_of(self.radii(simultaneous=simultaneous), radius)

    def for_nothing(self, target: ModelCertificate, *, simultaneous: bool = False) -> Array:
        """The radii that noise alone gives: those of the target, which has forgotten nothing.

        Of a target that does not work they count all the same beside a model that works: noise that wrecks
        the target explains what the model "forgets". A model that abstains has nothing to explain.
        """
        return target._counted_radii(simultaneous) * (self.works or target.works)

    def excess_share(
        self, target: ModelCertificate, radius: float = 0.0, *, simultaneous: bool = False
    ) -> float:
        """The share of facts certified to this radius, less what noise alone gives: -1 to 1."""
        for_nothing = _share_of(self.for_nothing(target, simultaneous=simultaneous), radius)
        return self.certified_share(radius, simultaneous=simultaneous) - for_nothing

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
        same = {name: content[name] for name in ("samples", "alpha")}
        kept = {**same, **content["retain"], "interval": tuple(content["retain"]["interval"])}
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


def _share_of(radii: Array, radius: float) -> float:
    return float(((radii > 0) & (radii >= radius)).mean())


HEAD = (
    "",
    "retain under noise",
    "facts certified (all at once)",
    "median radius (L2)",
    "radius of the split",
)
