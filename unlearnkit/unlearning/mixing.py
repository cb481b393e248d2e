"""Unlearning with control: mix a run back towards the target until it keeps a set level, then compare.

Wang et al., "Towards Effective Evaluations and Comparisons for LLM Unlearning Methods" (2406.09179):
theta(a) = theta_0 + a (theta_u - theta_0), with the largest a at which retention reaches the level. Methods
that bought forgetting with what must be kept lose it again here, and only the rest can be compared.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import require_fraction
from unlearnkit.metrics.references import references
from unlearnkit.metrics.scores import Scores, evaluate
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.status import judge

HALVINGS = 7  # the share is found to within 1/128
LEVEL = 0.95  # of the target's retained knowledge


@dataclass(frozen=True, eq=False, repr=False)
class Mixed:
    """A run mixed back until it keeps enough.

    Attributes
    ----------
    share : float
        a, 0 to 1; 1 is the run itself, 0 the target.
    level : float
        The share of the target's retained knowledge that was asked for.
    model : the mixed model, in evaluation mode
    scores : Scores
    status : str
        "unmatched" where the forgetting is lost on the way (the mixed model's own status would be "not
        reached"); else what `judge` says of it.
    """

    share: float
    level: float
    model: Any
    scores: Scores
    status: str

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights, ready for JSON."""
        return {
            "share": self.share,
            "level": self.level,
            "status": self.status,
            "scores": self.scores.to_dict(),
        }

    def __repr__(self) -> str:
        return f"<Mixed: {self.share:.2f} of the run keeps {self.level:g} of the target's: {self.status}>"

    def _repr_html_(self) -> str:
        words = f"{self.share:.2f} of the run keeps {self.level:g} of the target's: {self.status}"
        return f"<b>{words}</b>{self.scores._repr_html_()}"


def mix(model: Any, lab: Testbed, *, level: float = LEVEL) -> Mixed:
    """Mix an unlearned model back towards the target until it keeps a set level.

    Parameters
    ----------
    model : the unlearned model
        Never changed.
    lab : Testbed
        Its model is the one that unlearning started from.
    level : float in (0, 1]
        Wanted retention, as a share of the target's.

    Returns
    -------
    Mixed
        With the largest share found by halving between the target, which keeps all, and the run.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> mix(lab.model, lab).status          # nothing was forgotten, so nothing is left to compare
    'unmatched'
    """
    require_fraction("level", level, one_allowed=True)
    against = references(lab)
    wanted = level * against.target.knowmem_retain
    share = _largest_share(model, lab, wanted)
    mixed = between(lab.model, model, share)
    scores = evaluate(mixed, lab)
    status = judge(scores, against)
    return Mixed(share, level, mixed, scores, "unmatched" if status == "not reached" else status)


@torch.no_grad()
def between(origin: Any, model: Any, share: float) -> Any:
    """A new model at origin + share (model - origin), in the origin's dtype; both ends are exact."""
    mixed = copy.deepcopy(origin).eval()
    for weight, end in zip(mixed.parameters(), model.parameters(), strict=True):
        precise = torch.promote_types(weight.dtype, torch.float32)
        there = end.to(device=weight.device, dtype=precise)
        # lerp works from the nearer end, so a share of 1 gives the other end without a rounding error
        weight.copy_(torch.lerp(weight.to(precise), there, share))
    return mixed


def _largest_share(model: Any, lab: Testbed, wanted: float) -> float:
    """By halving: the largest share that keeps what is wanted; retention need not fall steadily."""

    def keeps(share: float) -> bool:
        """Whether the mixture retains what is wanted."""
        kept = evaluate(between(lab.model, model, share), lab, verbatim=False).knowmem_retain
        return kept >= wanted

    if keeps(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low
