"""What a run cost, and how far it moved the weights."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from unlearnkit.rounding import matrices, symmetric_codes


@dataclass(frozen=True)
class Cost:
    """The price of a run.

    Attributes
    ----------
    forward_equivalents : float
        Forward passes over one forget and one retain batch together; a backward pass counts 2.
    seconds : float
        Wall-clock time of the steps, scoring aside. The only figure that no seed repeats.
    distance_l2 : float
        Euclidean distance of the weights to the target's.
    moved_fraction : float
        Share of weights that changed at all, in the dtype that the model is kept in.
    flip_fraction_4bit : float
        Share of matrix weights whose 4-bit code (symmetric, per row) differs from the target's.
    """

    forward_equivalents: float
    seconds: float
    distance_l2: float
    moved_fraction: float
    flip_fraction_4bit: float

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, ready for JSON."""
        return asdict(self)


COSTS = tuple(field.name for field in fields(Cost))


@torch.no_grad()
def displacement(model: Any, origin: Any) -> dict[str, float]:
    """Distance, moved fraction and flipped fraction of a model against the one it came from."""
    squares, moved, total = 0.0, 0, 0
    for new, old in zip(model.parameters(), origin.parameters(), strict=True):
        squares += (new.double() - old.double()).square().sum().item()
        moved += int((new != old).sum())
        total += new.numel()
    return {
        "distance_l2": math.sqrt(squares),
        "moved_fraction": moved / total,
        "flip_fraction_4bit": _flipped(model, origin),
    }


def _flipped(model: Any, origin: Any) -> float:
    flipped = total = 0
    for (_, new), (_, old) in zip(matrices(model), matrices(origin), strict=True):
        flipped += int((symmetric_codes(new, 4)[0] != symmetric_codes(old, 4)[0]).sum())
        total += new.numel()
    return flipped / total if total else 0.0
