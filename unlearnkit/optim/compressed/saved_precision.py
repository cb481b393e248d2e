"""Loaded state in the precision in which it was saved."""

from __future__ import annotations

from typing import Any

import torch


def keep_precision(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Put saved tensors back in their own dtype, after torch's `load_state_dict` cast them to the weight's.

    Codes of 8 bits would come back as float32, and the float32 scales of a half-precision weight would lose
    half of their digits.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    places = [place for group in saved["param_groups"] for place in group["params"]]
    for weight, place in zip(weights, places, strict=True):
        for name, value in saved["state"].get(place, {}).items():
            if isinstance(value, torch.Tensor) and value.dtype != weight.dtype and name != "step":
                optimizer.state[weight][name] = value.detach().to(weight.device, copy=True)
