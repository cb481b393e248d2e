"""Estimates of the gradient of a smoothed loss, and whether they agree: what `compare_gradients` gives."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.flatness.tables import html_table

PRINTED = "as printed"
ENOUGH = 4.0  # standard errors


@dataclass(frozen=True, eq=False)
class SmoothedGradient:
    """An estimate of the gradient of a smoothed loss.

    Attributes
    ----------
    method : str
        "first order", "two-point", "score", "score, baseline" or "as printed".
    mean : Tensor (parameters,), float64
        Per coordinate.
    variance : Tensor (parameters,), float64
        Of a single sample, per coordinate.
    samples : int
    forward_equivalents : float
        All samples together.
    along, along_stderr : float
        The mean's component along grad f(theta), and its standard error.
    """

    method: str
    mean: torch.Tensor
    variance: torch.Tensor
    samples: int
    forward_equivalents: float
    along: float
    along_stderr: float

    @property
    def total_variance(self) -> float:
        """The trace of a single sample's covariance."""
        return float(self.variance.sum())

    @property
    def stderr(self) -> float:
        """Root mean square length of the mean's error: sqrt(total variance / samples)."""
        return math.sqrt(self.total_variance / self.samples)

    @property
    def cost(self) -> float:
        """Forward-equivalents a sample."""
        return self.forward_equivalents / self.samples

    @property
    def variance_times_cost(self) -> float:
        """Total variance times cost: what is left of it, over n forward-equivalents, is this over n."""
        return self.total_variance * self.cost

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, without the vectors."""
        return {
            "method": self.method, "norm": float(self.mean.norm()), "total_variance": self.total_variance,
            "stderr": self.stderr, "samples": self.samples, "cost": self.cost, "along": self.along,
            "along_stderr": self.along_stderr, "forward_equivalents": self.forward_equivalents,
            "variance_times_cost": self.variance_times_cost,
        }  # fmt: skip


@dataclass(frozen=True)
class Agreement:
    """Two estimates of one gradient.

    Attributes
    ----------
    first, second : str
    apart : float
        The distance of their means in units of its standard error, both samples' total variance together:
        about 1 where they have one mean.
    along : float
        The same of their components along grad f(theta), with a sign: what differs by a factor is seen here.
    """

    first: str
    second: str
    apart: float
    along: float

    @property
    def agree(self) -> bool:
        """Whether both are within 4 standard errors."""
        return self.apart <= ENOUGH and abs(self.along) <= ENOUGH


@dataclass(frozen=True, eq=False)
class GradientComparison:
    """Estimates of the gradient of one smoothed loss, side by side.

    Attributes
    ----------
    law : {"gaussian", "ball"}
    sigma, per_weight : float
        As the law has it; the root mean square of a weight's change.
    parameters, seed : int
    estimates : dict of str to SmoothedGradient
    agreements : tuple of Agreement
        Of each pair.
    """

    law: str
    sigma: float
    per_weight: float
    parameters: int
    seed: int
    estimates: dict[str, SmoothedGradient]
    agreements: tuple[Agreement, ...]

    def agreement(self, first: str, second: str) -> Agreement:
        """That of two methods, in whichever order."""
        for name in (first, second):
            require_one_of("method", name, self.estimates)
        for found in self.agreements:
            if {found.first, found.second} == {first, second}:
                return found
        raise BadInput(f'second: "{first}" twice is no pair; name two methods')

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, without the vectors."""
        plain = {name: getattr(self, name) for name in ("law", "sigma", "per_weight", "parameters", "seed")}
        return {
            **plain,
            "estimates": {name: found.to_dict() for name, found in self.estimates.items()},
            "agreements": [{**asdict(found), "agree": found.agree} for found in self.agreements],
        }

    @property
    def words(self) -> str:
        """The comparison in sentences."""
        pairs = [pair for pair in self.agreements if PRINTED not in (pair.first, pair.second)]
        apart = [f"{pair.first} and {pair.second}" for pair in pairs if not pair.agree]
        verdict = (
            f"These do not agree: {'; '.join(apart)}." if apart else "All agree within 4 standard errors."
        )
        printed = (
            f" As printed, without the factor d, it is the gradient over {self.parameters}."
            if PRINTED in self.estimates
            else ""
        )
        return (
            f"Gradients of the loss smoothed by {self.law} noise of {self.per_weight:.3g} a weight. "
            f"{verdict}{printed} {self._costs()}"
        ).rstrip()

    def _costs(self) -> str:
        """Which has the least variance at equal cost, and how much more the others have."""
        fair = [found for name, found in self.estimates.items() if name != PRINTED]
        least = min(fair, key=lambda found: found.variance_times_cost, default=None)
        if least is None or not least.variance_times_cost:
            return ""
        others = ", ".join(
            f"{found.method} {found.variance_times_cost / least.variance_times_cost:.3g}"
            for found in fair
            if found is not least
        )
        told = f"At equal cost {least.method} has the least variance"
        return f"{told}; times that: {others}." if others else f"{told}."

    def _repr_html_(self) -> str:
        head = (
            "method",
            "samples",
            "cost a sample",
            "norm",
            "total variance",
            "standard error",
            "var x cost",
        )
        rows = [
            (found.method, str(found.samples), f"{found.cost:.3g}", f"{float(found.mean.norm()):.4g}",
             f"{found.total_variance:.4g}", f"{found.stderr:.3g}", f"{found.variance_times_cost:.4g}")
            for found in self.estimates.values()
        ]  # fmt: skip
        return html_table(f"gradient of the smoothed loss, {self.law}, sigma {self.sigma:g}", head, rows)
