"""What the catalogue says of an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature

import torch

PAPER = "Lang et al. 2026 (2510.00761)"


@dataclass(frozen=True)
class Entry:
    """One optimizer of the catalogue.

    `bits` are those of each coordinate of the step's direction (32: not compressed).
    `forward_equivalents` counts a forward pass as 1 and a backward pass as 2, a step.
    `state_bytes` are a parameter's, beside its weight and gradient. Both are those of the default
    options. The grade "control" is that of optimizers that exist to be compared with.
    """

    name: str
    grade: str
    bits: int
    needs_closure: str | bool
    forward_equivalents: float
    state_bytes: float
    source: str
    make: Callable[..., torch.optim.Optimizer]

    def takes(self, option: str) -> bool:
        """Whether it has an option of this name: "seed" if it draws random numbers of its own."""
        return option in signature(self.make).parameters
