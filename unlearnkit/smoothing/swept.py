"""What a sweep over radii found: `radius_sweep` gives it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from unlearnkit.flatness.estimate import Estimate
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.radii_of_papers import PAPERS

CONTENT = 0.1  # of the gradient's length: from here on grad f_sigma counts as another gradient
QUADRATIC = 0.1  # of the predicted gap: within this, and the noise, the second order says it all
RESOLVED = 3.0  # standard errors by which gap and trace, and roundings by which gaps, must stand out
BLURRED = 0.25  # of the predicted gap: noise of which two standard errors are more hides an agreement


def share(value: float) -> str:
    """A share in words: in percent, or in times from 2 on.

    Examples
    --------
    >>> share(0.000123), share(0.25), share(1.0), share(43.62)
    ('0.012 %', '25 %', '100 %', '43.6 times')
    """
    if value >= 2:
        return f"{value:.3g} times"
    return f"{100 * value:.{2 if value < 0.995 else 3}g} %"


@dataclass(frozen=True)
class RadiusPoint:
    """One radius.

    Attributes
    ----------
    sigma : float
        Gaussian: the root mean square of a weight's change.
    relative : float
        The same over the root mean square of the weights themselves.
    l2_radius : float
    smoothed, gap : Estimate
        f_sigma, and f_sigma - f, over antithetic pairs.
    predicted : float
        sigma^2 / 2 * tr(Hessian).
    cosine_plain, cosine_smoothed : float
        Of the averaged two-point estimate with grad f, and with grad f_sigma (the noise in its own estimate
        taken out of its length).
    cosine_expected : float
        What sampling alone leaves: sqrt(q / (q + d - 1)). A small cosine is no fault of the radius.
    cosine_by_chance : float
        1 / sqrt(d): what an unrelated direction has in root mean square, and the error of both cosines.
    gradient_cosine : float
        Of grad f_sigma with grad f.
    gradient_shift : float
        ||grad f_sigma - grad f|| / ||grad f||.
    gradient_shift_interval : (float, float)
    moved_fraction : float
        The share of the weights that the noise moved: below 1 where it rounds away.
    """

    sigma: float
    relative: float
    l2_radius: float
    smoothed: Estimate
    gap: Estimate
    predicted: float
    cosine_plain: float
    cosine_smoothed: float
    cosine_expected: float
    cosine_by_chance: float
    gradient_cosine: float
    gradient_shift: float
    gradient_shift_interval: tuple[float, float]
    moved_fraction: float

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RadiusPoint:
        """From what `dataclasses.asdict` gave, through JSON too."""
        estimates = {
            name: Estimate(**{**content[name], "interval": tuple(content[name]["interval"])})
            for name in ("smoothed", "gap")
        }
        interval = tuple(content["gradient_shift_interval"])
        return cls(**{**content, **estimates, "gradient_shift_interval": interval})

    @property
    def gap_over_predicted(self) -> float:
        """1 where the second order says it all."""
        return self.gap.estimate / self.predicted if self.predicted else math.nan

    def tolerance(self, trace: Estimate) -> float:
        """By which share gap and prediction may part: 10 %, and two standard errors of their quotient."""
        share = math.hypot(self.gap.stderr / self.gap.estimate, trace.stderr / trace.estimate)
        return QUADRATIC + 2 * abs(self.gap_over_predicted) * share

    def is_quadratic(self, trace: Estimate) -> bool | None:
        """Whether the gap is the predicted one to within `tolerance`.

        None where noise hides it: where gap or trace is no more than three standard errors, or where they
        agree only because two standard errors are more than 25 % of the predicted gap.
        """
        if not all(abs(known.estimate) > RESOLVED * known.stderr for known in (self.gap, trace)):
            return None
        tolerance = self.tolerance(trace)
        if not abs(self.gap_over_predicted - 1) <= tolerance:
            return False
        return True if tolerance <= QUADRATIC + BLURRED else None

    @property
    def has_content(self) -> bool:
        """Whether grad f_sigma is another gradient: off grad f by 10 % as estimated, and surely not by 0."""
        return self.gradient_shift >= CONTENT and self.gradient_shift_interval[0] > 0


@dataclass(frozen=True)
class RadiusSweep:
    """A loss smoothed over decades of radii.

    Attributes
    ----------
    value : float
        f, at the weights themselves.
    parameters : int
    weight_rms : float
        The root mean square of the weights.
    gradient_norm : float
        ||grad f||.
    trace : Estimate
        Of the Hessian.
    rounding : float
        Of the loss as it is computed: what the gap is in root mean square where the noise moves a weight by
        about its last place, or the loss's own last place. Gaps below some of it say nothing.
    queries : int
        Antithetic pairs, for gaps and for the averaged two-point estimate.
    gradients : int
        Antithetic pairs of gradients.
    seed : int
    forward_equivalents : float
    points : tuple of RadiusPoint
        By rising radius.
    """

    value: float
    parameters: int
    weight_rms: float
    gradient_norm: float
    trace: Estimate
    rounding: float
    queries: int
    gradients: int
    seed: int
    forward_equivalents: float
    points: tuple[RadiusPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        found = {**asdict(self), "quadratic_to": self.quadratic_to, "content_from": self.content_from}
        return {**found, "papers": [asdict(paper) for paper in PAPERS], "words": self.words}

    def is_quadratic(self, point: RadiusPoint) -> bool | None:
        """Whether a point's gap is sigma^2 / 2 * tr(Hessian); None where noise or rounding hides it."""
        floor = RESOLVED * self.rounding
        if abs(point.predicted) <= floor and abs(point.gap.estimate) <= floor:
            return None
        return point.is_quadratic(self.trace)

    @property
    def quadratic_to(self) -> float | None:
        """The largest radius below the first at which the gap is no longer sigma^2 / 2 * tr(Hessian)."""
        end = math.inf if self.parts_at is None else self.parts_at
        inside = [point.sigma for point in self.points if point.sigma < end and self.is_quadratic(point)]
        return inside[-1] if inside else None

    @property
    def parts_at(self) -> float | None:
        """The smallest radius at which the gap surely is not sigma^2 / 2 * tr(Hessian)."""
        return next((point.sigma for point in self.points if self.is_quadratic(point) is False), None)

    @property
    def content_from(self) -> float | None:
        """The smallest radius from which on, at every swept one, grad f_sigma is another than grad f."""
        plain = [place for place, point in enumerate(self.points) if not point.has_content]
        beyond = self.points[plain[-1] + 1 :] if plain else self.points
        return beyond[0].sigma if beyond else None

    @property
    def words(self) -> str:
        """Which radius makes zeroth order a smoothing of this model, and which the papers used."""
        from unlearnkit.smoothing.radius_words import radius_words

        return radius_words(self)

    def _repr_html_(self) -> str:
        head = (
            "sigma", "of a weight", "L2", "gap", "sigma^2/2 tr H", "cosine with grad f", "with grad f_sigma",
            "from sampling alone", "gradient shift",
        )  # fmt: skip
        rows = [
            (f"{p.sigma:.2g}", share(p.relative), f"{p.l2_radius:.3g}",
             f"{p.gap.estimate:.3g} ± {p.gap.stderr:.1g}", f"{p.predicted:.3g}", f"{p.cosine_plain:.3g}",
             f"{p.cosine_smoothed:.3g}", f"{p.cosine_expected:.3g}", share(p.gradient_shift))
            for p in self.points
        ]  # fmt: skip
        table = html_table(f"smoothing over radii, {self.parameters:,} weights", head, rows)
        return f"{table}<p>{escape(self.words)}</p>"
