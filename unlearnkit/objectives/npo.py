"""NPO: negative preference optimization.

Zhang, Lin, Bai, Mei, "Negative Preference Optimization" (2404.05868), eq. 3: with S the summed
negative log-likelihood of a sequence's answer tokens,

    L = -(2 / beta) * mean_i log sigmoid(beta * (S_i(theta) - S_i(reference))) + retain_weight * CE.

S is a sum over the sequence. MUSE's code takes raw logits instead, SOUL's a mean over the batch;
both change what beta means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import require_positive
from unlearnkit.losses import sequence_nll
from unlearnkit.objectives.objective import Objective, of_reference
from unlearnkit.objectives.retain import Batch, RowsOf

REFERENCE_NLL = "reference_nll"


@dataclass(frozen=True, kw_only=True)
class NPO(Objective):
    """Loss of one forget batch and one retain batch.

    At the reference model the forget term is exactly (2 / beta) ln 2 and its gradient that of
    plain ascent on the mean summed likelihood; as a sequence is forgotten its weight falls to 0.

    Parameters
    ----------
    beta : float
        Inverse temperature; smaller is closer to gradient ascent.
    retain_weight, retain
        See `Objective`.
    """

    beta: float = 0.1

    forget_keys: ClassVar[tuple[str, ...]] = (REFERENCE_NLL,)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("beta", self.beta)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The preference term; `forget` carries `reference_nll`, (batch,), the reference model's sums."""
        reference = of_reference(forget, REFERENCE_NLL, "NPO")
        return npo_loss(sequence_nll(model, forget), reference, self.beta)

    def forget_reference(self, model: Any, forget: Batch) -> RowsOf:
        """Each row's summed negative log-likelihood, (1,)."""
        return {REFERENCE_NLL: sequence_nll(model, forget).detach().split(1)}


def npo_loss(nll: torch.Tensor, reference_nll: torch.Tensor, beta: float) -> torch.Tensor:
    """The forget term from summed negative log-likelihoods, each (batch,): a scalar."""
    return -F.logsigmoid(beta * (nll - reference_nll)).mean() * (2 / beta)
