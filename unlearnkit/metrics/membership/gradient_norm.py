"""The gradient norm of a text: what was learned pulls little at the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.testbeds.batches import collate
from unlearnkit.testbeds.encoding import Encoded


def gradient_norms(
    model: Any, texts: Sequence[Sequence[Encoded]], *, pad_id: int, progress: bool = False
) -> list[float]:
    """L2 norm of each text's gradient of its token-mean loss, over all weights that require one.

    A text may be in several pieces; its mean is over the tokens of all. One backward pass a text. Nobody's
    `.grad` is touched. Higher means less likely a member.

    Raises
    ------
    BadInput
        When no weight requires a gradient.

    References
    ----------
    Maini et al., "LLM Dataset Inference" (2406.06443), gradient norm; open-unlearning's "gradnorm".
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise BadInput(
            "gradient_norm: no weight of the model requires a gradient, so every norm would be 0; call "
            "model.requires_grad_() or take another attack"
        )
    bar = tqdm(texts, desc="gradients", unit="text", disable=not progress, leave=False)
    return [_norm(model, weights, collate(text, pad_id=pad_id, device=model.device)) for text in bar]


@torch.enable_grad()
def _norm(model: Any, weights: list[torch.Tensor], batch: dict[str, torch.Tensor]) -> float:
    found = torch.autograd.grad(mean_nll(model, batch), weights, allow_unused=True)
    squares = [gradient.double().pow(2).sum() for gradient in found if gradient is not None]
    return float(torch.stack(squares).sum().sqrt())
