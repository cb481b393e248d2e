"""What was found along an attack: certified, of the smoothed model, and of the model itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unlearnkit.flatness.tables import html_table


@dataclass(frozen=True)
class Curve:
    """One share along a path, three times.

    Attributes
    ----------
    certified : tuple of float, or None
        What the certificate says it is at least, for the smoothed model: Phi(Phi^-1(p_lower) - distance /
        sigma), for facts the mean of theirs. None of what is not certified.
    smoothed : tuple of float
        Under fresh noise, at each place: estimated.
    low, high : tuple of float
        Its interval at the certificate's confidence: Clopper-Pearson of the split, else Student's t.
    plain : tuple of float
        Of the model without noise at the place. It is not certified, and may fall below.
    """

    certified: tuple[float, ...] | None
    smoothed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    plain: tuple[float, ...]

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Curve:
        """Read what `AlongAttack.to_dict` wrote."""
        names = ("certified", "smoothed", "low", "high", "plain")
        parts = {name: None if content[name] is None else tuple(content[name]) for name in names}
        return cls(**parts)  # type: ignore[arg-type]

    @property
    def below(self) -> bool:
        """Whether what is certified lies below what the smoothed model does, but for its interval."""
        pairs = zip(self.certified or (), self.high, strict=False)
        return all(certified <= high for certified, high in pairs)


@dataclass(frozen=True)
class AlongAttack:
    """A certificate against the path of an attack; made by `along_attack`.

    Attributes
    ----------
    distances : tuple of float
        L2, from the certified model; within a subspace, of the part within it, which is what was walked.
    inside : tuple of float
        Of the path's own squared distance, the share within the noise's dimensions; 1.0 for all weights.
    curves : dict of str to Curve
        "split": the probability that both halves are forgotten (without noise 0 or 1); only with a control.
        "facts": the mean share of forget facts that are forgotten. "retain": the share of kept facts that
        are answered, which nothing certifies.
    broken_facts : tuple of int
        At each place, facts that the smoothed model misses less often than was certified, beyond chance (at
        alpha over facts and places). Anything but 0 is a fault in the certificate.
    radius : float
        The split's, or the median fact's without a control.
    sigma, alpha : float
    samples : int
        Fresh draws at each place.
    """

    distances: tuple[float, ...]
    inside: tuple[float, ...]
    curves: dict[str, Curve]
    broken_facts: tuple[int, ...]
    radius: float
    sigma: float
    alpha: float
    samples: int

    @property
    def holds(self) -> bool:
        """Whether every certified curve lies below what the smoothed model does, as it must."""
        return all(curve.below for curve in self.curves.values()) and not any(self.broken_facts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "holds": self.holds}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> AlongAttack:
        """Read what `to_dict` wrote."""
        return cls(
            distances=tuple(content["distances"]), inside=tuple(content["inside"]),
            curves={name: Curve.from_dict(curve) for name, curve in content["curves"].items()},
            broken_facts=tuple(content["broken_facts"]),
            **{name: content[name] for name in ("radius", "sigma", "alpha", "samples")},
        )  # fmt: skip

    def _repr_html_(self) -> str:
        rows = []
        for name, curve in self.curves.items():
            for place, distance in enumerate(self.distances):
                told = "" if curve.certified is None else f"{curve.certified[place]:.3f}"
                spread = f"{curve.low[place]:.3f} to {curve.high[place]:.3f}"
                smoothed = f"{curve.smoothed[place]:.3f} ({spread})"
                rows.append((name, f"{distance:.3g}", told, smoothed, f"{curve.plain[place]:.3f}"))
        head = ("share", "distance (L2)", "certified at least", "smoothed model", "model itself")
        return html_table(f"along an attack; certified radius {self.radius:.3g}", head, rows)
