"""NPO: negative preference optimization.

Zhang, Lin, Bai, Mei, "Negative Preference Optimization" (2404.05868), eq. 3: with S the summed
negative log-likelihood of a sequence's answer tokens,

    L = -(2 / beta) * mean_i log sigmoid(beta * (S_i(theta) - S_i(reference))) + retain_weight * CE.

S is a sum over the sequence. MUSE's code takes raw logits instead, SOUL's a mean over the batch;
both change what beta means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import MissingReference, require_positive
from unlearnkit.losses import mean_nll, sequence_nll


@dataclass(frozen=True)
class NPO:
    """Loss of one forget batch and one retain batch.

    At the reference model the forget term is exactly (2 / beta) ln 2 and its gradient that of
    plain ascent on the mean summed likelihood; as a sequence is forgotten its weight falls to 0.

    Parameters
    ----------
    beta : float
        Inverse temperature; smaller is closer to gradient ascent.
    retain_weight : float
        Weight of the retain batch's token-mean negative log-likelihood.
    """

    beta: float = 0.1
    retain_weight: float = 1.0

    needs_reference = True

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)
        require_positive("retain_weight", self.retain_weight, zero_allowed=True)

    def __call__(
        self,
        model: Any,
        forget: Mapping[str, torch.Tensor],
        retain: Mapping[str, torch.Tensor],
    ) -> torch.Tensor:
        """The scalar loss; `forget` carries `reference_nll`, (batch,), the reference model's sums."""
        return self.retain_term(model, retain) + self.forget_term(model, forget)

    def forget_term(self, model: Any, forget: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The first of the two terms."""
        if "reference_nll" not in forget:
            raise MissingReference(
                "NPO needs the reference model's summed likelihoods: give the forget batch a "
                '"reference_nll", as unlearn() does, or compute it with losses.sequence_nll'
            )
        return npo_loss(sequence_nll(model, forget), forget["reference_nll"], self.beta)

    def retain_term(self, model: Any, retain: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The second of the two terms."""
        return self.retain_weight * mean_nll(model, retain)


def npo_loss(nll: torch.Tensor, reference_nll: torch.Tensor, beta: float) -> torch.Tensor:
    """The forget term from summed negative log-likelihoods, each (batch,): a scalar."""
    return -F.logsigmoid(beta * (nll - reference_nll)).mean() * (2 / beta)
