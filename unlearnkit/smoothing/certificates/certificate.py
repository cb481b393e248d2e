"""A certified forgetting radius, beside what the target and the never-learned control get for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unlearnkit.errors import MissingReference
from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.certificates.model_certificate import HEAD, ModelCertificate


@dataclass(frozen=True)
class Certificate:
    """What noise on a model's weights certifies about what it has forgotten; made by `certify`.

    What it says: with confidence 1 - alpha for each fact, the *smoothed* model (answers under N(0, sigma^2 I)
    on the weights) misses the fact with probability at least Phi(Phi^-1(p) - ||delta|| / sigma) wherever its
    weights are moved by delta, in L2; by majority within the radius. What it does not say: anything about the
    model without noise, about other norms, about what a rephrased question or another metric finds, or, in a
    subspace, about displacements that leave it.

    Attributes
    ----------
    model, target : ModelCertificate
        Under the same noise.
    never_learned : ModelCertificate or None
        None where the testbed has no such model.
    dimensions : int
        Of the noise: all weights, or those of the subspace.
    subspace : str or None
        `Subspace.key`; None for all weights.
    thresholds : (float, float) or None
        The shares of shown and of held-out facts up to which the split counts as forgotten.
    seed : int
    forward_passes : int
        Forward passes over all facts that a run from nothing takes.
    """

    model: ModelCertificate
    target: ModelCertificate
    never_learned: ModelCertificate | None
    dimensions: int
    subspace: str | None
    thresholds: tuple[float, float] | None
    seed: int
    forward_passes: int

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise, a weight (or a coordinate of the subspace)."""
        return self.model.sigma

    @property
    def samples(self) -> int:
        """Draws of the noise."""
        return self.model.samples

    @property
    def alpha(self) -> float:
        """The risk of each statement, not of all together; see `ModelCertificate.fact`."""
        return self.model.alpha

    @property
    def radius(self) -> float:
        """Within it, in L2, the split stays forgotten by majority; 0.0 when abstained."""
        if self.model.split is None:
            raise MissingReference(
                "the testbed has no never_learned model, so nothing says when the split is forgotten; "
                "look at .model.radii(), fact by fact, or give the control as never_learned=PATH"
            )
        return self.model.split.radius

    @property
    def abstained(self) -> bool:
        """Whether nothing at all is certified: the model does not work under noise, or no bound is above 1/2.

        Of a wrecked model it is always true, however much it "forgets".
        """
        split = self.model.split is not None and not self.model.split.abstained
        return not (split or self.model.certified_share() > 0)

    def excess_share(self, radius: float = 0.0, *, simultaneous: bool = False) -> float:
        """The headline: share of facts certified to this radius, less the target's; -1 to 1.

        The target has forgotten nothing. What noise alone makes it forget is no unlearning, and if noise
        wrecks the target, that counts in full: see `ModelCertificate.for_nothing`.
        """
        return self.model.excess_share(self.target, radius, simultaneous=simultaneous)

    @property
    def excess_radius(self) -> float:
        """The median over facts of the radius less the target's, in L2; higher means more than noise does."""
        return float(np.median(self.model.radii() - self.model.for_nothing(self.target)))

    @property
    def models(self) -> dict[str, ModelCertificate]:
        """By name: "model", "target" and, where there is one, "never_learned"."""
        named = {"model": self.model, "target": self.target, "never_learned": self.never_learned}
        return {name: found for name, found in named.items() if found is not None}

    @property
    def where(self) -> str:
        """Which displacements it is about."""
        if self.subspace is None:
            return f"all {self.dimensions:,} weights"
        return f"a subspace of {self.dimensions} dimensions, and no displacement that leaves it"

    @property
    def words(self) -> str:
        """The certificate in sentences."""
        return " ".join([self._working(), self._facts(), self._split(), self._excess()])

    def _working(self) -> str:
        kept = self.model.retain
        low, high = kept.interval
        state = "works" if kept.works else "does not work, and nothing is certified"
        return (
            f"Noise of sigma {self.sigma:g} in {self.where}; {self.samples} samples. The smoothed model "
            f"answers {kept.estimate:.3f} ({low:.3f} to {high:.3f}) of {kept.facts} kept facts, "
            f"{kept.unsmoothed:.3f} without noise, and the floor is {kept.floor:.3f}: it {state}."
        )

    def _facts(self) -> str:
        ours = self.model
        held = round(ours.certified_share() * len(ours.facts))
        together = round(ours.certified_share(simultaneous=True) * len(ours.facts))
        return (
            f"Of {len(ours.facts)} facts {held} are certified at risk {self.alpha:g} each, {together} all at "
            f"once; the median radius is {np.median(ours.radii()):.3g} in L2 (at most {ours.ceiling:.3g} "
            "with so many samples)."
        )

    def _split(self) -> str:
        split = self.model.split
        if split is None or self.thresholds is None:
            return "Without a never_learned model nothing says when the split is forgotten."
        shown, heldout = self.thresholds
        rule = f"the split (at most {shown:.3f} of shown and {heldout:.3f} of held-out facts known)"
        if split.abstained:
            return f"For {rule} it abstains: at least {split.p_lower:.3f} under noise."
        return f"For {rule} the radius is {split.radius:.3g}, with at least {split.p_lower:.3f} under noise."

    def _excess(self) -> str:
        held = f"{self.target.certified_share():.3f}" if self.target.works else "nothing, as it abstains"
        if self.model.works and not self.target.works:
            missed = self.model.certified_share() - self.excess_share()
            held = f"nothing, as it abstains (by its misses {missed:.3f}, which count against the model)"
        never = self.never_learned
        beside = "" if never is None else (
            f", of never_learned {never.certified_share():.3f}" if never.works else ", never_learned abstains"
        )  # fmt: skip
        return (
            f"Of the target, which has forgotten nothing, the same noise certifies {held}{beside}: the "
            f"excess is {self.excess_share():+.3f} of the facts, and {self.excess_radius:+.3g} in median "
            "radius. All this is about the smoothed model, in L2, for exact answers."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        names = ("dimensions", "subspace", "seed", "forward_passes", "abstained", "words", "excess_radius")
        return {
            "models": {name: found.to_dict() for name, found in self.models.items()},
            "thresholds": list(self.thresholds) if self.thresholds else None,
            "excess_share": self.excess_share(),
            **{name: getattr(self, name) for name in names},
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Certificate:
        """Read what `to_dict` wrote."""
        found = {name: ModelCertificate.from_dict(part) for name, part in content["models"].items()}
        limits = content["thresholds"]
        return cls(
            model=found["model"], target=found["target"], never_learned=found.get("never_learned"),
            thresholds=(limits[0], limits[1]) if limits else None,
            **{name: content[name] for name in ("dimensions", "subspace", "seed", "forward_passes")},
        )  # fmt: skip

    def _repr_html_(self) -> str:
        rows = [found.row(name) for name, found in self.models.items()]
        excess = f"{self.excess_share():+.3f}"
        rows.append(("excess over the target", "", excess, f"{self.excess_radius:+.4g}", ""))
        title = f"forgotten under noise: sigma {self.sigma:g} in {self.where}, risk {self.alpha:g} each"
        return html_table(title, HEAD, rows)
