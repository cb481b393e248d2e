"""Gradient ascent on what must be forgotten, and nothing else.

Jang et al., "Knowledge Unlearning for Mitigating Privacy Risks in Language Models" (2210.01504):
L = -CE(forget), here a mean over tokens as in TOFU (2401.06121).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch


@dataclass(frozen=True, kw_only=True)
class GradAscent(Objective):
    """Minus the token-mean negative log-likelihood of a forget batch, in nats a token.

    Lower means more forgotten, without a bound: the loop ends only with its steps, or when the model is
    destroyed. Nothing is asked to be kept; what is lost of it shows in `knowmem_retain`.

    Parameters
    ----------
    retain_weight : float
        0 and nothing else.
    retain
        Without a retain term it says nothing.

    Raises
    ------
    BadInput
        For another retain_weight, which is GradDiff.

    Examples
    --------
    >>> GradAscent().keeps
    False
    """

    retain_weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keeps:
            raise BadInput(
                f"retain_weight must be 0 for grad_ascent, which keeps nothing, not {self.retain_weight:g}. "
                'Ascent with a retain term is the objective "graddiff"'
            )

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """Ascent: minus the token-mean negative log-likelihood."""
        return -mean_nll(model, forget)
