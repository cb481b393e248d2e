"""CE-U: cross-entropy unlearning.

Yang, "CE-U: Cross Entropy Unlearning" (2503.01224): the target is the model's own prediction with the true
token's logit at minus infinity, held constant when differentiated. With q that target and p_t the true
token's probability,

    KL(q || p) = -log(1 - p_t),  and the loss is its mean over targets, + retain_weight * CE.

The paper's cross-entropy is larger by the entropy of q, which its gradient holds constant: the gradients
are the same. Optimizers that only look at losses would lower that entropy too, so it is left out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import require_integer
from unlearnkit.losses import NO_TARGET, target_logits
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch


@dataclass(frozen=True, kw_only=True)
class CEU(Objective):
    """Loss of one forget batch and one retain batch, in nats a token; its forget term is 0 or above.

    Lower means more forgotten or better kept. It needs no reference model. What is forgotten (p = 0) adds
    nothing; what is known by heart adds much, yet no logit's gradient is above 1.

    Parameters
    ----------
    skipped_targets : int
        So many targets at each row's start do not count. The paper's code skips 1, since an answer's first
        token often says nothing; a short answer has little else. Rows with no more targets than that do not
        count at all.
    retain_weight, retain
        See `Objective`; the paper's loss has no retain term (retain_weight=0).

    Examples
    --------
    >>> CEU(skipped_targets=1, retain_weight=0.0).keeps
    False
    """

    skipped_targets: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer("skipped_targets", self.skipped_targets, minimum=0)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The mean over the batch's targets; 0 where all are skipped."""
        labels = forget["labels"]
        late = (labels != NO_TARGET).cumsum(dim=1) > self.skipped_targets
        counted = {**forget, "labels": labels.where(late, NO_TARGET)}
        unlikelihood = self_suppressed(target_logits(model, counted), _targets(counted))
        return unlikelihood.sum() / max(len(unlikelihood), 1)


def self_suppressed(logits: torch.Tensor, true_tokens: torch.Tensor) -> torch.Tensor:
    """KL(q || p) of predictions p and these without their true tokens, q: -log(1 - p_true), (targets,).

    Taken from the other tokens' logits, so that nothing is lost where p is nearly 1.

    Examples
    --------
    >>> self_suppressed(torch.zeros(1, 4), torch.tensor([2]))    # -log(3/4)
    tensor([0.2877])
    """
    others = logits.scatter(1, true_tokens[:, None], -torch.inf)
    return logits.logsumexp(dim=-1) - others.logsumexp(dim=-1)


def _targets(batch: Batch) -> torch.Tensor:
    labels = batch["labels"][:, 1:]
    return labels[labels != NO_TARGET]
