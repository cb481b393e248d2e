"""NPO: negative preference optimization.

Zhang, Lin, Bai, Mei, "Negative Preference Optimization" (2404.05868), eq. 3: with S the summed
negative log-likelihood of a sequence's answer tokens,

    L = -(2 / beta) * mean_i log sigmoid(beta * (S_i(theta) - S_i(reference))) + retain_weight * CE.

S is a sum over the sequence. MUSE's code takes raw logits instead, SOUL's a mean over the batch;
both change what beta means, and both can be asked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import require_one_of, require_positive
from unlearnkit.losses import NO_TARGET, sequence_nll
from unlearnkit.objectives.objective import Objective, of_reference
from unlearnkit.objectives.retain import Batch, RowsOf

REFERENCE_NLL = "reference_nll"
REFERENCE_LOGITS = "reference_logits"
VARIANTS = ("paper", "muse_bench", "soul")


@dataclass(frozen=True, kw_only=True)
class NPO(Objective):
    """Loss of one forget batch and one retain batch; lower means more forgotten or better kept.

    At the reference model the forget term is exactly (2 / beta) ln 2 and its gradient that of
    plain ascent on the mean summed likelihood; as a sequence is forgotten its weight falls to 0.

    Parameters
    ----------
    beta : float
        Inverse temperature; smaller is closer to gradient ascent.
    variant : {"paper", "muse_bench", "soul"}
        Known code's losses, by the same formula. "muse_bench" has, for S, minus each logit of the whole
        vocabulary at each place of prompt and answer, and a mean over them all: no likelihood of any token,
        so nothing says which is to be forgotten. (The original counts padding too; here it does not.) "soul"
        has the token mean of the whole batch, one number: beta is in effect divided by a batch's targets.
    retain_weight, retain
        See `Objective`.

    Examples
    --------
    >>> NPO(beta=0.2).forget_keys, NPO(variant="muse_bench").forget_keys
    (('reference_nll',), ('reference_logits',))
    """

    beta: float = 0.1
    variant: str = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("beta", self.beta)
        require_one_of("variant", self.variant, VARIANTS)

    @property
    def forget_keys(self) -> tuple[str, ...]:  # type: ignore[override]
        """The reference's sums, or its logits."""
        return (REFERENCE_LOGITS,) if self.variant == "muse_bench" else (REFERENCE_NLL,)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The preference term; `forget` carries `reference_nll`, (batch,), the reference model's sums.

        Or, for "muse_bench", `reference_logits`, (places, vocabulary), row after row.
        """
        (key,) = self.forget_keys
        reference = of_reference(forget, key, "NPO")
        if self.variant == "muse_bench":
            return npo_loss(-_logits(model, forget), -reference, self.beta)
        nll = sequence_nll(model, forget)
        if self.variant == "soul":
            count = (forget["labels"][:, 1:] != NO_TARGET).sum()
            nll, reference = nll.sum() / count, reference.sum() / count
        return npo_loss(nll, reference, self.beta)

    def forget_reference(self, model: Any, forget: Batch) -> RowsOf:
        """Each row's summed negative log-likelihood, (1,), or its logits, (places, vocabulary)."""
        if self.variant == "muse_bench":
            return {REFERENCE_LOGITS: _logits(model, forget).detach().split(_lengths(forget))}
        return {REFERENCE_NLL: sequence_nll(model, forget).detach().split(1)}


def _logits(model: Any, batch: Batch) -> torch.Tensor:
    """Every logit at every place that is not padding, row after row, in float32 at least."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    logits: torch.Tensor = model(**inputs, use_cache=False).logits[batch["attention_mask"] != 0]
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _lengths(batch: Batch) -> list[int]:
    lengths: list[int] = batch["attention_mask"].sum(dim=1).tolist()
    return lengths


def npo_loss(nll: torch.Tensor, reference_nll: torch.Tensor, beta: float) -> torch.Tensor:
    """The forget term from summed negative log-likelihoods, in nats, of one shape: a scalar, a mean over all.

    Lower means more forgotten.

    Examples
    --------
    >>> round(npo_loss(torch.ones(3), torch.ones(3), beta=0.1).item(), 3)    # (2 / beta) ln 2
    13.863
    """
    return -F.logsigmoid(beta * (nll - reference_nll)).mean() * (2 / beta)
