"""DPO with a refusal for the preferred answer: "I don't know" is taught in place of what must be forgotten.

Maini et al., "TOFU" (2401.06121), preference optimization, after Rafailov et al. (2305.18290), eq. 7. With S
the summed negative log-likelihood of an answer's tokens, and for each prompt a refusal and the true answer,

    L = -(2 / beta) * mean_i log sigmoid(beta * (drop_i(answer) - drop_i(refusal))) + retain_weight * CE,
    drop = S(theta) - S(reference).

Rafailov et al. have no factor before the mean, so their gradient is beta / 2 times this one: 2 / beta is
NPO's, and what TOFU's and open-unlearning's code multiply by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from unlearnkit.errors import MissingReference, require_positive
from unlearnkit.losses import sequence_nll
from unlearnkit.objectives.npo import REFERENCE_NLL, npo_loss
from unlearnkit.objectives.objective import Objective, of_reference
from unlearnkit.objectives.retain import Batch, RowsOf

REFUSAL = "refusal_"
REFUSAL_REFERENCE_NLL = "refusal_reference_nll"
ROW_KEYS = ("input_ids", "attention_mask", "labels")


@dataclass(frozen=True, kw_only=True)
class IdkDPO(Objective):
    """Loss of one forget batch with its refusals and one retain batch; lower: more refused or better kept.

    At the reference model the forget term is exactly (2 / beta) ln 2, and its gradient ascent on the answers
    and descent on the refusals, both summed over tokens. It tends to 0 as refusals win, so it is bounded.

    Parameters
    ----------
    beta : float
        Inverse temperature: how soon a row that is refused weighs nothing.
    retain_weight, retain
        See `Objective`.

    Examples
    --------
    >>> IdkDPO().needs_refusals, IdkDPO().forget_keys
    (True, ('reference_nll', 'refusal_reference_nll'))
    """

    beta: float = 0.1

    forget_keys: ClassVar[tuple[str, ...]] = (REFERENCE_NLL, REFUSAL_REFERENCE_NLL)
    needs_refusals: ClassVar[bool] = True
    forget_passes: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("beta", self.beta)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """The preference term; `forget` carries the refusals, and of the reference model both sums."""
        refused = refusals_of(forget)
        before, refused_before = (of_reference(forget, key, "idk_dpo") for key in self.forget_keys)
        drop = sequence_nll(model, forget) - before
        # NPO's term, of how much less likely the answer became *than the refusal*.
        return npo_loss(drop, sequence_nll(model, refused) - refused_before, self.beta)

    def forget_reference(self, model: Any, forget: Batch) -> RowsOf:
        """Each row's summed negative log-likelihood of the answer and of the refusal, (1,) each."""
        return {
            REFERENCE_NLL: sequence_nll(model, forget).detach().split(1),
            REFUSAL_REFERENCE_NLL: sequence_nll(model, refusals_of(forget)).detach().split(1),
        }


def refusals_of(forget: Batch) -> Batch:
    """The refusals that a forget batch carries, as a batch.

    Raises
    ------
    MissingReference
        When it carries none.
    """
    keys = [REFUSAL + key for key in ROW_KEYS]
    if any(key not in forget for key in keys):
        raise MissingReference(
            f"idk_dpo prefers refusals to answers: the forget batch must carry {', '.join(keys)}, as "
            "unlearn() gives them (testbeds.refusals)"
        )
    return {name: forget[key] for name, key in zip(ROW_KEYS, keys, strict=True)}
