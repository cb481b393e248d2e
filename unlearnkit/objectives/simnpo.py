"""SimNPO: negative preference without a reference model, by the mean likelihood of an answer's tokens.

Fan et al., "Simplicity Prevails: Rethinking Negative Preference Optimization for LLM Unlearning"
(2410.07163): with S the summed negative log-likelihood of a sequence's answer tokens and n their number,

    L = -(2 / beta) * mean_i log sigmoid(beta * S_i / n_i - gamma) + retain_weight * CE.

Here gamma stands outside of beta's bracket, as in the paper; the authors' TOFU code and open-unlearning's
have it inside, beta * (S / n - gamma). At gamma = 0, which both use, it is the same. The authors' MUSE code
takes raw logits for S, and beta means another thing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import require_one_of, require_positive
from unlearnkit.losses import NO_TARGET, sequence_nll
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch

VARIANTS = ("paper", "open_unlearning")


@dataclass(frozen=True, kw_only=True)
class SimNPO(Objective):
    """Loss of one forget batch and one retain batch; lower means more forgotten or better kept.

    A token of a long answer weighs less than one of a short answer, and a row weighs less the more it is
    forgotten: what it weighs is (2 / n) (1 - sigmoid(beta S / n - gamma)).

    Parameters
    ----------
    beta : float
        Inverse temperature; 2.5 in the authors' TOFU runs, 4.5 in open-unlearning's.
    gamma : float
        Margin, 0 or above: how much more than an even chance counts as forgotten. A larger one forgets more.
    variant : {"paper", "open_unlearning"}
        Where gamma stands: outside of beta's bracket, or inside of it.
    retain_weight, retain
        See `Objective`. The authors weigh the forget term by 0.1375 on TOFU, which is a retain_weight of 7.3.

    Examples
    --------
    >>> SimNPO(beta=4.5).needs_reference
    False
    """

    beta: float = 2.5
    gamma: float = 0.0
    variant: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("beta", self.beta)
        require_positive("gamma", self.gamma, zero_allowed=True)
        require_one_of("variant", self.variant, VARIANTS)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The preference term, from each row's nats a token."""
        targets = (forget["labels"][:, 1:] != NO_TARGET).sum(dim=1)
        return simnpo_loss(sequence_nll(model, forget) / targets, self.beta, self._margin)

    @property
    def _margin(self) -> float:
        """What is taken off after beta multiplied."""
        return self.gamma if self.variant == "paper" else self.beta * self.gamma


def simnpo_loss(nll: torch.Tensor, beta: float, margin: float = 0.0) -> torch.Tensor:
    """The forget term from mean negative log-likelihoods, nats a token, (batch,): a scalar, a mean over rows.

    Lower means more forgotten.

    Examples
    --------
    >>> round(simnpo_loss(torch.zeros(3), beta=2.5).item(), 4)    # known by heart: (2 / beta) ln 2
    0.5545
    """
    return -F.logsigmoid(beta * nll - margin).mean() * (2 / beta)
