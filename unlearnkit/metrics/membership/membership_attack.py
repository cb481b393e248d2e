"""How well an attack tells what must be forgotten from what was never seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unlearnkit.metrics.membership.attacks import membership_scores
from unlearnkit.metrics.membership.auc import AUC, CONFIDENCE, auc
from unlearnkit.metrics.membership.compared import compared
from unlearnkit.metrics.membership.min_k import K
from unlearnkit.metrics.membership.variant import Variant
from unlearnkit.testbeds.testbed import Testbed

OF_A_SHARE = ("min_k", "min_k_plus_plus")


@dataclass(frozen=True)
class Membership:
    """An attack on a testbed's forget texts (members) and holdout texts (nonmembers).

    Attributes
    ----------
    name : str
        Attack, share and variant: "min_k_0.4_muse".
    auc : AUC
        0.5 is chance; towards 1, the forget texts are recognised as members. Towards 0 they look *less*
        likely than texts that were never seen: over-unlearned.
    members, nonmembers : tuple of float
        The scores; higher means less likely a member.
    compared : str
        What the texts are.
    """

    name: str
    auc: AUC
    members: tuple[float, ...]
    nonmembers: tuple[float, ...]
    compared: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; the AUC's name says how it was taken."""
        prefix = f"membership_{self.name}"
        bounds = {f"{prefix}_auc_low": self.auc.low, f"{prefix}_auc_high": self.auc.high}
        sizes = {"members": self.auc.members, "nonmembers": self.auc.nonmembers}
        return {f"{prefix}_auc": self.auc.value, **bounds, **sizes, "compared": self.compared}

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b> ({self.compared}): {self.auc._repr_html_()}"


def membership_attack(
    model: Any,
    lab: Testbed,
    *,
    attack: str = "min_k",
    k: float = K,
    variant: str | Variant | None = None,
    reference: Any = None,
    confidence: float = CONFIDENCE,
    progress: bool = False,
) -> Membership:
    """Attack a model: are the forget texts told from the holdout?

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    lab : Testbed
        With MUSE's privleak texts, or with questions about its holdout; see `compared`.
    attack : {"loss", "zlib", "min_k", "min_k_plus_plus", "gradient_norm", "reference"}
        See `membership_scores`.
    k : float
        The share of tokens that min_k and min_k_plus_plus look at.
    variant : {"muse", "open_unlearning"} or Variant, optional
        Which tokens count. Unless given: "muse" on running text, "open_unlearning" on answers.
    reference : a model that never saw the texts
        For the attack "reference".
    confidence : float
    progress : bool
        Show a bar.

    Returns
    -------
    Membership

    Raises
    ------
    UnknownName, BadInput
        For an unknown attack or variant, a bad k, a text too short to score.
    MissingReference
        When the testbed has no holdout texts, or "reference" has no model.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> found = [membership_attack(model, lab).auc.value for model in (lab.model, lab.never_learned)]
    >>> found[0] > 0.99, 0.4 < found[1] < 0.6
    (True, True)
    """
    texts = compared(lab, variant=variant)
    scores = membership_scores(
        model, lab.tokenizer,
        rows=texts.both, attacks=[attack], k=k, variant=texts.variant, reference=reference, progress=progress,
    )[attack]  # fmt: skip
    members, nonmembers = texts.split(scores)
    share = f"_{k:g}" if attack in OF_A_SHARE else ""
    name = f"{attack}{share}_{texts.variant.name}"
    return Membership(name, auc(members, nonmembers, confidence=confidence), members, nonmembers, texts.words)
