"""UNDIAL: unlearning by self-distillation with adjusted logits.

Dong, Lin, Belkin, Huerta, Vulić, "UNDIAL" (2402.10052): the teacher is the reference model with the logit of
each true token lowered, z'_v = z_v - strength [v = y], and

    L = mean_t sum_v -softmax(z'_t)_v log p_theta(v | t) + retain_weight * CE.

open-unlearning's code averages over prompt and padding too, and there lowers the logit of a token near the
vocabulary's end: the label -100, taken as an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import require_positive
from unlearnkit.losses import NO_TARGET, target_logits
from unlearnkit.objectives.objective import Objective, of_reference
from unlearnkit.objectives.retain import LOG_PROBS, Batch, RowsOf, target_log_probs


@dataclass(frozen=True, kw_only=True)
class UNDIAL(Objective):
    """Cross-entropy to the adjusted teacher, over the targets, in nats a token; lower means nearer to it.

    It is bounded below by the teacher's entropy, and least where the model is the teacher: the true token's
    odds are those of the reference divided by e^strength, the others' among themselves as they were.

    Parameters
    ----------
    strength : float
        How far the true token's logit is lowered, in nats; at 0 the reference itself is the teacher, and
        nothing is forgotten. What the reference knows by heart needs more: with open-unlearning's 10 the
        teacher still gives the lab's forgotten answers 3.0 nats a token (topic, fold 0; 20: 11.8), where a
        model that never learned them has 8.7.
    retain_weight, retain
        See `Objective`; the paper's loss has no retain term (retain_weight=0).

    Examples
    --------
    >>> UNDIAL(strength=10.0).forget_keys
    ('reference_log_probs',)
    """

    strength: float = 20.0

    forget_keys: ClassVar[tuple[str, ...]] = (LOG_PROBS,)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("strength", self.strength, zero_allowed=True)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The cross-entropy; `forget` carries `reference_log_probs`, (targets, vocabulary), row after row."""
        reference = of_reference(forget, LOG_PROBS, "UNDIAL")
        logits = target_logits(model, forget)
        labels = forget["labels"][:, 1:]
        teacher = adjusted(reference.to(logits), labels[labels != NO_TARGET], self.strength)
        return F.cross_entropy(logits, teacher)

    def forget_reference(self, model: Any, forget: Batch) -> RowsOf:
        """Log-probabilities at each row's targets, (targets, vocabulary)."""
        return {LOG_PROBS: target_log_probs(model, forget)}


def adjusted(log_probs: torch.Tensor, true_tokens: torch.Tensor, strength: float) -> torch.Tensor:
    """Predictions with the true tokens' logits lowered: probabilities, (targets, vocabulary).

    Examples
    --------
    >>> even = torch.full((1, 2), 0.5).log()
    >>> adjusted(even, torch.tensor([0]), torch.tensor(3.0).log().item())   # odds 1 to 3
    tensor([[0.2500, 0.7500]])
    """
    lowered = log_probs.scatter_add(1, true_tokens[:, None], torch.full_like(log_probs[:, :1], -strength))
    return lowered.softmax(dim=-1)
