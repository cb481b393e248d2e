"""Gradients no longer than a limit, as the unlearning loop shortens those that lie in `.grad`."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def shortened(gradient: Sequence[torch.Tensor | None], limit: float | None) -> list[torch.Tensor | None]:
    """The gradient, scaled down to an L2 norm of `limit` over all weights; as it is if shorter, or for None.

    As torch.nn.utils.clip_grad_norm_, but for gradients that are in nobody's `.grad`; None stays None.

    Examples
    --------
    >>> import torch
    >>> shortened([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)
    [tensor([0.6000]), tensor([0.8000])]
    """
    if limit is None:
        return list(gradient)
    scale = shortening([part for part in gradient if part is not None], limit)
    return [None if part is None else part * scale for part in gradient]


def shortening(gradient: Sequence[torch.Tensor], limit: float | None) -> float:
    """What a gradient is multiplied with to be no longer than `limit`: at most 1, and 1 for None."""
    if limit is None:
        return 1.0
    norm = torch.nn.utils.get_total_norm(list(gradient))
    return float(torch.clamp(limit / (norm + 1e-6), max=1.0))
