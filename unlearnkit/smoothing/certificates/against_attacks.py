"""The certified radius beside how far attacks go: the ratio is printed, not hidden."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from unlearnkit.errors import BadInput
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.certificates.certificate import Certificate
from unlearnkit.smoothing.certificates.noisy_answers import weights_key
from unlearnkit.smoothing.certificates.same_noise import require_subspace
from unlearnkit.smoothing.certificates.subspace import Subspace, displacement


@dataclass(frozen=True)
class Reach:
    """How far one attack moved the weights, and how far that is beyond the certified radius.

    Attributes
    ----------
    name : str
    distance : float
        L2 length of the change of all weights.
    inside : float
        Of the subspace's certificate: L2 length of the part within it. Otherwise the distance.
    ratio_split, ratio_facts : float
        The distance over the split's radius, and over the longest radius of a fact (see `Reaches`); above 1
        the certificate says nothing about this attack. Infinite where the radius is 0.
    covered : bool
        Whether the split's certificate, or else that of any fact, holds for this displacement: no longer than
        the radius, and, with a subspace, wholly within it (but for rounding).
    """

    name: str
    distance: float
    inside: float
    ratio_split: float
    ratio_facts: float
    covered: bool

    @property
    def share_inside(self) -> float:
        """Of the squared length, what lies where the noise was: 1.0 for noise on all weights."""
        return (self.inside / self.distance) ** 2 if self.distance else 1.0


@dataclass(frozen=True)
class Reaches:
    """Attacks beside a certificate; made by `against_attacks`.

    Attributes
    ----------
    reaches : tuple of Reach
    radius_split, radius_facts : float
        The split's radius (0.0 without a control), and the longest of a fact: of many statements at risk
        alpha each, so that of all facts together the risk is larger. Which fact has it was seen afterwards.
    dimensions : int
    """

    reaches: tuple[Reach, ...]
    radius_split: float
    radius_facts: float
    dimensions: int

    @property
    def words(self) -> str:
        """In sentences, the ratio of each."""
        told = (
            f"{reach.name} moved the weights by {reach.distance:.3g}, {_times(reach.ratio_facts)} the "
            f"longest radius of a fact and {_times(reach.ratio_split)} that of the split; "
            f"{reach.share_inside:.2%} of its square lies where the noise was."
            for reach in self.reaches
        )
        head = (
            f"Certified: {self.radius_facts:.3g} for a fact at most, each at its own risk alpha, and "
            f"{self.radius_split:.3g} for the split."
        )
        return " ".join([head, *told])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an infinite ratio is None."""
        content = asdict(self)
        for reach in content["reaches"]:
            for name in ("ratio_split", "ratio_facts"):
                reach[name] = reach[name] if math.isfinite(reach[name]) else None
        return content

    def _repr_html_(self) -> str:
        rows = [
            (
                reach.name, f"{reach.distance:.3g}", f"{reach.share_inside:.2%}", _times(reach.ratio_facts),
                _times(reach.ratio_split), "yes" if reach.covered else "no",
            )
            for reach in self.reaches
        ]  # fmt: skip
        head = (
            "attack",
            "distance (L2)",
            "within the noise",
            "of a fact's radius",
            "of the split's",
            "covered",
        )
        title = f"R = {self.radius_facts:.3g} (facts, at most), {self.radius_split:.3g} (split)"
        return html_table(title, head, rows)


def against_attacks(
    certificate: Certificate, model: Any, attacked: Mapping[str, Any], *, subspace: Subspace | None = None
) -> Reaches:
    """How far attacks moved a certified model's weights, in units of its radius.

    Parameters
    ----------
    certificate : Certificate
        Of `model`.
    model : the model that was certified, and attacked
    attacked : mapping of str to model
        What each attack made of it, by name.
    subspace : Subspace, optional
        The certificate's own, if it has one.

    Returns
    -------
    Reaches

    Raises
    ------
    BadInput
        For another model or subspace than was certified, no attack, models of another shape.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> found = uk.smoothing.certify(lab.never_learned, lab, samples=12, forget_facts=4, retain_facts=8)
    >>> rounded = {"4 bits": uk.attacks.quantize(lab.never_learned, bits=4, scheme="rtn")}
    >>> against_attacks(found, lab.never_learned, rounded).reaches[0].ratio_facts > 100
    True
    """
    require_certified(certificate, model, subspace)
    if not isinstance(attacked, Mapping) or not attacked:
        raise BadInput("attacked must be a dict of at least one model by the attack's name")
    split = 0.0 if certificate.model.split is None else certificate.radius
    longest = float(certificate.model.radii().max())
    reaches = tuple(
        _reach(name, other, model, split=split, longest=longest, subspace=subspace)
        for name, other in attacked.items()
    )
    return Reaches(reaches, split, longest, certificate.dimensions)


def require_certified(certificate: Any, model: Any, subspace: Subspace | None) -> None:
    """Raise BadInput unless this is the certificate's own model, and its own subspace."""
    if not isinstance(certificate, Certificate):
        raise BadInput(
            f"certificate must be what certify(model, lab) returned, not a {type(certificate).__name__}"
        )
    if not hasattr(model, "named_parameters") or weights_key(model) != certificate.model.weights:
        raise BadInput(
            "model is not the one that was certified (its weights differ in some bit), so the certificate "
            "says nothing about it; certify this one"
        )
    require_subspace(subspace, model)
    if (subspace.key if subspace else None) != certificate.subspace:
        given = "none was given" if subspace is None else "another one was given"
        wanted = "all weights" if certificate.subspace is None else "a subspace of its own"
        raise BadInput(f"subspace: the certificate is one of {wanted}, but {given}; give the same again")


def _reach(
    name: str, attacked: Any, model: Any, *, split: float, longest: float, subspace: Subspace | None
) -> Reach:
    moved = displacement(attacked, model)
    distance = float(moved.norm())
    inside = distance if subspace is None else float(subspace.coordinates(moved).norm())
    within = inside >= distance * (1 - 1e-6)
    return Reach(
        name, distance, inside, _ratio(distance, split), _ratio(distance, longest),
        within and distance <= (split or longest),
    )  # fmt: skip


def _ratio(distance: float, radius: float) -> float:
    if not distance:
        return 0.0
    return distance / radius if radius else math.inf


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times" if math.isfinite(ratio) else "beyond"
