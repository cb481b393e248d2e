"""Task vector negation: learn what must be forgotten by heart, then walk the same way back, and beyond.

Ilharco et al., "Editing Models with Task Arithmetic" (2212.04089), section 4:
theta = theta_0 - scale * (theta_learned - theta_0), where theta_learned comes of descent on CE(forget).
As in MUSE (2407.06460), theta_0 is the model that must forget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import require_positive
from unlearnkit.losses import mean_nll
from unlearnkit.objectives.objective import Objective
from unlearnkit.objectives.retain import Batch


@dataclass(frozen=True, kw_only=True)
class TaskVector(Objective):
    """The token-mean negative log-likelihood of a forget batch, in nats a token: it is *descended*.

    Lower means better learned by heart, so that walking back forgets more. The model in the making knows
    more and more; a checkpoint and a finished run show the one that walked back.

    Parameters
    ----------
    scale : float
        How far back, in lengths of the way there.
    retain_weight : float
        0 by default, as in the papers. What is learned beside the forget rows is walked back from as well:
        of the retain terms only "kl", which is as steep to either side of the testbed's model, says what it
        says elsewhere.
    retain
        See `Objective`.

    Examples
    --------
    >>> import torch
    >>> learned, origin = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    >>> for model, value in ((learned, 3.0), (origin, 1.0)):
    ...     for weight in model.parameters():
    ...         _ = weight.data.fill_(value)
    >>> TaskVector(scale=0.5).finish_(learned, origin)
    >>> learned.weight.item()
    0.0
    """

    scale: float = 1.0
    retain_weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("scale", self.scale, hint="At 0 nothing would be forgotten.")

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """Descent: the token-mean negative log-likelihood."""
        return mean_nll(model, forget)

    @torch.no_grad()
    def finish_(self, model: Any, origin: Any) -> None:
        """Walk back from what was learned, past the model where it began."""
        for learned, start in zip(model.parameters(), origin.parameters(), strict=True):
            begun = start.to(learned)
            learned.copy_(begun - self.scale * (learned - begun))
