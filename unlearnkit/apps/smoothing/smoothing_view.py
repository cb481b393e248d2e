"""What was computed about one model under noise, in as many parts as there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.smoothing import (
    AlongAttack,
    Certificate,
    GradientComparison,
    RadiusPoint,
    RadiusSweep,
    Reaches,
    SmoothedLine,
)

WITHOUT_NAME = "the attack"  # what a path is called that was given without a name
DIGITS = 12  # sigmas are the same up to rounding


@dataclass(frozen=True, eq=False)
class SmoothingView:
    """One model's smoothing: every part is optional, but at least one must be there.

    Parameters
    ----------
    line : SmoothedLine, optional
        From `uk.smoothing.smoothed_line`: f and f_sigma along a line, at one sigma or several.
    sweep : RadiusSweep, optional
        From `uk.smoothing.radius_sweep`: gaps and cosines over decades of sigma.
    gradients : GradientComparison, or dict of float to GradientComparison, optional
        From `uk.smoothing.compare_gradients`, by sigma.
    certificates : Certificate, or dict of float to Certificate, optional
        From `uk.smoothing.certify`, by sigma.
    along : AlongAttack, or dict of str to AlongAttack or to a list of them, optional
        From `uk.smoothing.along_attack`, by the attack's name; in a list, of several sigmas.
    reaches : Reaches, optional
        From `uk.smoothing.against_attacks`: how far attacks moved the weights. The distances are the same at
        every sigma; their ratios are taken to whichever certificate is looked at.

    Raises
    ------
    BadInput
        For a view without parts, a part of another kind, and a sigma under which another one's result lies.

    Examples
    --------
    >>> import torch
    >>> import unlearnkit as uk
    >>> bowl = uk.smoothing.Formula(lambda w: w.square().sum(), torch.ones(3))
    >>> found = uk.smoothing.smoothed_line(bowl, torch.ones(3), sigmas=[0.1, 0.3], points=3, samples=4)
    >>> SmoothingView(line=found).sigmas
    (0.1, 0.3)
    """

    line: SmoothedLine | None = None
    sweep: RadiusSweep | None = None
    gradients: GradientComparison | Mapping[float, GradientComparison] | None = None
    certificates: Certificate | Mapping[float, Certificate] | None = None
    along: AlongAttack | Mapping[str, AlongAttack | Sequence[AlongAttack]] | None = None
    reaches: Reaches | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, field.name) is None for field in fields(self)):
            raise BadInput(
                "SmoothingView: no part was given, so there is nothing to show; give at least one of "
                + ", ".join(field.name for field in fields(self))
            )
        _require_kind("line", self.line, SmoothedLine, "smoothed_line(…)")
        _require_kind("sweep", self.sweep, RadiusSweep, "radius_sweep(…)")
        _require_kind("reaches", self.reaches, Reaches, "against_attacks(…)")
        _ = self.comparisons, self.paths
        _require_fitting(self.certified, self.reaches)

    @cached_property
    def lines(self) -> dict[float, SmoothedLine]:
        """The line by change of a weight, each with that one's smoothed loss only."""
        if self.line is None:
            return {}
        line, found = self.line, {}
        for sigma, along in line.smoothed.items():
            found[_rounded(line.per_weight[sigma])] = replace(line, smoothed={sigma: along})
        return dict(sorted(found.items()))

    @cached_property
    def points(self) -> dict[float, RadiusPoint]:
        """The sweep's points by sigma."""
        return {_rounded(point.sigma): point for point in self.sweep.points} if self.sweep else {}

    @cached_property
    def comparisons(self) -> dict[float, GradientComparison]:
        """Gradients by change of a weight."""
        by_sigma = _by_sigma("gradients", self.gradients, GradientComparison, "compare_gradients(…)")
        return {_rounded(found.per_weight): found for found in _ascending(by_sigma)}

    @cached_property
    def certified(self) -> dict[float, Certificate]:
        """Certificates by sigma."""
        return _by_sigma("certificates", self.certificates, Certificate, "certify(…)")

    @cached_property
    def paths(self) -> dict[str, dict[float, AlongAttack]]:
        """For each attack, what was found along it, by sigma."""
        given: Any = {WITHOUT_NAME: self.along} if isinstance(self.along, AlongAttack) else self.along
        if given is None:
            return {}
        if not isinstance(given, Mapping) or not given:
            raise BadInput(
                "along must be what uk.smoothing.along_attack(…) returns, or a dict of those by the attack's "
                f"name, not {given!r:.40}"
            )
        return {_name("along", name): _of_path(name, one) for name, one in given.items()}

    @cached_property
    def sigmas(self) -> tuple[float, ...]:
        """Every sigma of any part, ascending."""
        along = (sigma for path in self.paths.values() for sigma in path)
        return tuple(sorted({*self.lines, *self.points, *self.comparisons, *self.certified, *along}))

    def __repr__(self) -> str:
        parts = ", ".join(field.name for field in fields(self) if getattr(self, field.name) is not None)
        return f"<SmoothingView of {parts}; {len(self.sigmas)} sigmas>"


def _rounded(sigma: float) -> float:
    return float(f"{sigma:.{DIGITS}g}")


def _ascending(comparisons: Mapping[float, GradientComparison]) -> list[GradientComparison]:
    return sorted(comparisons.values(), key=lambda found: found.per_weight)


def _require_fitting(certified: Mapping[float, Certificate], reaches: Reaches | None) -> None:
    """Raise unless certificates are of one model, and distances are of their space."""
    if len({found.model.weights for found in certified.values()}) > 1:
        raise BadInput(
            "certificates: they are of several models (their weights differ), so they are no series over "
            "sigma; give each model a view of its own"
        )
    if reaches is None:
        return
    if not certified:
        raise BadInput(
            "reaches: distances say something beside a certificate only; give certificates too, or leave "
            "reaches out"
        )
    for sigma, found in certified.items():
        if found.dimensions != reaches.dimensions:
            raise BadInput(
                f"reaches: they lie in {reaches.dimensions:,} dimensions, but the certificate at sigma "
                f"{sigma:g} in {found.dimensions:,}; call against_attacks with this certificate"
            )


def _name(argument: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise BadInput(f"{argument}: {name!r:.40} is no name; each must be a text that is not empty")
    return name


def _require_kind(argument: str, given: Any, kind: type, maker: str) -> None:
    if given is not None and not isinstance(given, kind):
        raise BadInput(
            f"{argument} must be what uk.smoothing.{maker} returns, not a {type(given).__name__}; leave it "
            "out if there is none"
        )


def _by_sigma(argument: str, given: Any, kind: type, maker: str) -> dict[float, Any]:
    """One result, or several under their own sigmas, ascending."""
    if given is None:
        return {}
    if isinstance(given, kind):
        return {_rounded(given.sigma): given}  # type: ignore[attr-defined]
    if not isinstance(given, Mapping) or not given:
        raise BadInput(
            f"{argument} must be what uk.smoothing.{maker} returns, or a dict of those by sigma, not "
            f"{given!r:.40}"
        )
    found = {}
    for sigma, one in given.items():
        _require_kind(f"{argument}[{sigma!r}]", one, kind, maker)
        if one is None or not isinstance(sigma, float | int) or _rounded(sigma) != _rounded(one.sigma):
            own = "nothing" if one is None else f"one of sigma {one.sigma:g}"
            raise BadInput(f"{argument}: under {sigma!r:.40} lies {own}; name each by its own sigma")
        found[_rounded(one.sigma)] = one
    return dict(sorted(found.items()))


def _of_path(name: str, given: Any) -> dict[float, AlongAttack]:
    several = [given] if isinstance(given, AlongAttack) else given
    if not isinstance(several, Sequence) or isinstance(several, str) or not several:
        raise BadInput(f"along[{name!r}] must be an AlongAttack or a list of them, not {given!r:.40}")
    for one in several:
        if not isinstance(one, AlongAttack):
            raise BadInput(f"along[{name!r}] must hold AlongAttack only, not a {type(one).__name__}")
    found = {_rounded(one.sigma): one for one in several}
    if len(found) < len(several):
        raise BadInput(f"along[{name!r}]: one sigma twice, so it is not clear which to show; give each once")
    return dict(sorted(found.items()))
