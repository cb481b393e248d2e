"""MUSE's PrivLeak: does a membership attack see that something was unlearned, or that it was not?

Shi et al., "MUSE" (2407.06460), section 3.1:

    PrivLeak = (AUC − AUC of the retrained model) / AUC of the retrained model · 100

with the AUC of the Min-40 % score as muse_bench orients it: the chance that a holdout text looks more like
a member than a forget text. Nothing was unlearned: −100. As the retrained model: 0. Over-unlearned: positive.
The bounds are unequal: [−100, 100 · (1 − AUC_retrain) / AUC_retrain].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearnkit.errors import BadInput, require_fraction, unknown_name
from unlearnkit.metrics.membership.auc import AUC, auc
from unlearnkit.metrics.muse.estimate import RESAMPLES, draws, percentiles
from unlearnkit.metrics.muse.min_k_log import K, oriented, read_min_k

__all__ = ["AUC_RETRAIN", "K", "PrivLeak", "against", "check_reference_auc", "privleak", "score_privleak"]

# muse_bench's constants, by name and only when asked: they hold for its own texts and retrained models.
AUC_RETRAIN = {"muse_news": 0.4772, "muse_books": 0.5393}
FARTHEST = 0.05  # a reference AUC nearer to 0 or 1 than this is no retrained model's
NOTHING_TOLD = 0.5  # the AUC of a model that tells nothing
Scores = Sequence[float]


@dataclass(frozen=True)
class PrivLeak:
    """PrivLeak in percent, with what it stands on.

    Attributes
    ----------
    value : float
        Percent: −100 where nothing was unlearned, 0 as the reference, positive where over-unlearned.
    low, high : float
        95 % percentile bootstrap over texts, those of the reference model too where it was measured. Without
        width where the groups do not overlap: see the interval of `attack` then.
    bounds : tuple of float
        The least and the highest that this reference allows; they are unequal.
    attack : AUC
        Of the attack in its own orientation, in which 1 recognises every member: 1 − `auc`.
    reference_auc : float
        The reference's, oriented as `auc`.
    reference : str
        What it is, in words.
    caution : str
        What to mind, "" for nothing.
    """

    value: float
    low: float
    high: float
    bounds: tuple[float, float]
    attack: AUC
    reference_auc: float
    reference: str
    caution: str = ""

    @property
    def auc(self) -> float:
        """MUSE's orientation: P(a holdout text looks more like a member than a forget text)."""
        return 1 - self.attack.value

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "muse_privleak_min_40": self.value,
            "muse_privleak_min_40_low": self.low,
            "muse_privleak_min_40_high": self.high,
            "muse_privleak_bounds": list(self.bounds),
            "muse_privleak_auc": self.auc,
            "muse_privleak_reference_auc": self.reference_auc,
            "muse_privleak_reference": self.reference,
            "muse_privleak_caution": self.caution,
        }

    def __str__(self) -> str:
        return f"{self.value:+.1f} % [{self.low:+.1f}, {self.high:+.1f}] of [{_bounds_text(self.bounds)}]"

    def _repr_html_(self) -> str:
        meaning = "−100 nothing unlearned, 0 as the reference, positive over-unlearned"
        return f"<b>PrivLeak {self}</b> ({meaning}; reference: {self.reference}) {self.caution}"


def _bounds_text(bounds: tuple[float, float]) -> str:
    return ", ".join(f"{bound:+.1f}" for bound in bounds)


def privleak(
    forget: Scores,
    holdout: Scores,
    *,
    reference: float | str | tuple[Scores, Scores],
    words: str = "",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> PrivLeak:
    """PrivLeak of Min-40 % scores, each higher where a text looks less like a member.

    Parameters
    ----------
    forget, holdout : sequence of float
        Minus the mean of each text's least likely 40 % of log-probabilities, in nats: muse_bench's "Min-40%".
    reference : float, str or two sequences of float
        The retrained model's AUC in MUSE's orientation; "muse_news" or "muse_books" for muse_bench's
        constants; or the retrained model's own scores of the same texts, (forget, holdout).
    words : str
        What the reference is, for the result.
    seed, resamples : int
        Of the bootstrap.

    Raises
    ------
    BadInput
        For scores that are not finite, an AUC outside (0, 1), or one within 0.05 of 0 or 1: no model that
        never saw the texts tells them apart so well. It is then the finetuned model's, or the groups are
        swapped; PrivLeak would reach thousands.
    UnknownName
        For a constant that is none.

    Examples
    --------
    >>> found = privleak([3.0, 1.0, 2.0, 4.0], [1.5, 2.5, 3.5, 4.5], reference="muse_books")
    >>> round(found.auc, 3), round(found.value, 1)
    (0.375, -30.5)
    >>> [round(bound, 1) for bound in found.bounds]
    [-100.0, 85.4]
    """
    attack = auc(forget, holdout)
    theirs, described = _reference(reference)
    reference_auc = check_reference_auc(theirs)
    resampled = _resampled((forget, holdout), reference, reference_auc, seed=seed, resamples=resamples)
    return PrivLeak(
        value=against(1 - attack.value, reference_auc),
        low=resampled[0],
        high=resampled[1],
        bounds=(against(0.0, reference_auc), against(1.0, reference_auc)),
        attack=attack,
        reference_auc=reference_auc,
        reference=words or described,
        caution=_caution(reference_auc),
    )


def score_privleak(
    forget: str | Path, holdout: str | Path, *, reference_auc: float | str | None = None
) -> dict[str, Any]:
    """PrivLeak of scores that another tool logged.

    Parameters
    ----------
    forget, holdout : str or Path
        Files of Min-40 % scores or token log-probabilities; see `read_min_k`.
    reference_auc : float or str, optional
        As `reference` of `privleak`. Without one, the AUC is held against 0.5, that of a model that tells
        nothing; "reference" says so.

    Returns
    -------
    dict
        "privleak" in percent with "low", "high" (95 % bootstrap), "bounds"; "auc" and "reference_auc" in
        MUSE's orientation (near 0: not unlearned); "reference" and "caution" in words; "n" texts by group.

    Raises
    ------
    MissingReference, BadInput
        Naming file, row and field; for a reference as `privleak`.
    """
    words = ""
    if reference_auc is None:
        reference_auc = NOTHING_TOLD
        words = (
            "none given: held against 0.5, a model that tells nothing; MUSE's PrivLeak is against the "
            "retrained model's AUC"
        )
    else:
        check_reference_auc(_reference(reference_auc)[0])
    groups = oriented(read_min_k(forget, "forget"), read_min_k(holdout, "holdout"))
    found = privleak(*groups, reference=reference_auc, words=words)
    return {
        "privleak": found.value,
        "low": found.low,
        "high": found.high,
        "bounds": list(found.bounds),
        "auc": found.auc,
        "reference_auc": found.reference_auc,
        "reference": found.reference,
        "caution": found.caution,
        "n": {"forget": len(groups[0]), "holdout": len(groups[1])},
        "score": "Min-40 %, minus the mean log-probability, int(0.4 n) tokens without a floor",
    }


def against(auc_value: float, reference_auc: float) -> float:
    """PrivLeak in percent of two AUCs in MUSE's orientation.

    Examples
    --------
    >>> round(against(0.4224, 0.5393), 1)
    -21.7
    """
    return (auc_value - reference_auc) / reference_auc * 100


def check_reference_auc(value: object) -> float:
    """The AUC, if it can be a retrained model's; raises BadInput as `privleak` says."""
    hint = "It is the retrained model's AUC of forget against holdout, about 0.5."
    require_fraction("reference_auc", value, zero_allowed=True, one_allowed=True, hint=hint)
    number = float(value)  # type: ignore[arg-type]
    if not FARTHEST <= number <= 1 - FARTHEST:
        reach = f"run from -100 to {against(1.0, number):.4g}" if number else "divide by 0"
        raise BadInput(
            f"reference_auc: {number:.4g} is no retrained model's: what never saw the forget texts cannot "
            "tell them from the holdout so well. It looks like the AUC of a model that learned them, or of "
            f"groups that were swapped, and PrivLeak would {reach}; give the retrained model's, or 0.5 for a "
            "model that tells nothing"
        )
    return number


def _reference(reference: float | str | tuple[Scores, Scores]) -> tuple[object, str]:
    if isinstance(reference, str):
        if reference not in AUC_RETRAIN:
            raise unknown_name("reference", reference, AUC_RETRAIN)
        return AUC_RETRAIN[reference], f"muse_bench's constant for {reference}"
    if isinstance(reference, tuple):
        return 1 - auc(*reference).value, "a model's own AUC on the same texts"
    return reference, "an AUC that was given"


def _caution(reference_auc: float) -> str:
    if 0.25 <= reference_auc <= 0.75:
        return ""
    return (
        f"the reference's AUC is {reference_auc:.3f}: forget and holdout texts differ by more than what was "
        "learned, or the reference is not a retrained model"
    )


def _resampled(
    groups: tuple[Scores, Scores],
    reference: float | str | tuple[Scores, Scores],
    reference_auc: float,
    *,
    seed: int,
    resamples: int,
) -> tuple[float, float]:
    """Bounds of PrivLeak over resampled texts; a reference model is scored on the same ones."""
    picked = [
        draws(len(group), seed=seed, stream=name, resamples=resamples)
        for name, group in zip(("forget", "holdout"), groups, strict=True)
    ]
    counts = [_counts(rows, len(group)) for rows, group in zip(picked, groups, strict=True)]
    ours = _muse_aucs(groups, counts)
    theirs = (
        _muse_aucs(reference, counts) if isinstance(reference, tuple) else np.full_like(ours, reference_auc)
    )
    kept = theirs > 0  # a resample in which the reference knows everything has no PrivLeak
    return percentiles((ours[kept] - theirs[kept]) / theirs[kept] * 100)


def _counts(picked: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """How often each resample took each text, as a share: (resamples, size)."""
    return np.stack([np.bincount(row, minlength=size) for row in picked]) / size


def _muse_aucs(groups: tuple[Scores, Scores], counts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The AUC of each resample in MUSE's orientation, from the pairs of the texts."""
    forget, holdout = (np.asarray(group, dtype=np.float64) for group in groups)
    pairs = (holdout[None] < forget[:, None]) + (holdout[None] == forget[:, None]) / 2
    found: NDArray[np.float64] = ((counts[0] @ pairs) * counts[1]).sum(axis=1)
    return found
