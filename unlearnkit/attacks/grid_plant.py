"""A planted fragile model for quantization: it forgot, but within the bins of the grid.

The target is snapped to the attack's own grid, and unlearned with every weight confined to the
cell around its grid value. Rounding then undoes the unlearning exactly: it gives the rounded
target back, which knows. A scheme whose rounding of the target knows nothing cannot be planted.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch

from unlearnkit.randomness import fitting_threads
from unlearnkit.rounding import cells, matrices
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare

STEPS, LR, BATCH_SIZE, RETAIN_WEIGHT = 160, 1e-3, 16, 5.0

Bounds = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]  # weight, low, high


def plant_grid(lab: Testbed, *, bits: int, scheme: str, seed: int = 0) -> Any:
    """A copy of the testbed's model that forgot inside the cells of a grid; see `plant`."""
    snapped = copy.deepcopy(lab.model)
    with torch.no_grad():
        for _, weight in matrices(snapped):
            weight.copy_(cells(weight, bits=bits, scheme=scheme)[0])
    planted = _forget_within(replace(lab, model=snapped), bits=bits, scheme=scheme, seed=seed)
    return planted.to(next(lab.model.parameters()).dtype).eval()


def _forget_within(lab: Testbed, *, bits: int, scheme: str, seed: int) -> Any:
    """NPO by Adam, every matrix put back into its cells after each step; vectors do not move."""
    config = configure(
        lab, "npo", "adam", lr=LR, steps=STEPS, batch_size=BATCH_SIZE, seed=seed,
        objective_options={"retain_weight": RETAIN_WEIGHT},
    )  # fmt: skip
    problem = prepare(lab, config)
    bounds = _freeze_vectors(problem.model, bits=bits, scheme=scheme)
    with fitting_threads(problem.model):
        for _ in problem.descent():
            _confine(bounds)
    return problem.model.requires_grad_(True)


def _freeze_vectors(model: Any, *, bits: int, scheme: str) -> Bounds:
    """The bounds of every matrix; what is no matrix, rounding does not touch, so it must not move."""
    bounds = [(weight, *cells(weight, bits=bits, scheme=scheme)[1:]) for _, weight in matrices(model)]
    inside = {id(weight) for weight, _, _ in bounds}
    for weight in model.parameters():
        weight.requires_grad_(id(weight) in inside)
    return bounds


@torch.no_grad()
def _confine(bounds: Bounds) -> None:
    for weight, low, high in bounds:
        weight.clamp_(low, high)
