"""A weight in half precision, a loss that tells all its parts, and a step of any optimizer with masters."""

from __future__ import annotations

from functools import partial

import torch

from unlearnkit.optim import LossClosure, MasterWeights, create

START = torch.tensor([1.0, -1.0, 0.3, 1e-3])
STEEP = torch.tensor([1.0, 10.0, 3.0, 0.5])


def half_weight(start=START, dtype=torch.bfloat16):
    return torch.nn.Parameter(start.to(dtype))


def closure_of(value):
    """All parts of a loss of value(), which is in float32."""

    def part(begin, end):
        return (value().square() * STEEP)[begin:end].sum()

    def sampled(source):
        return (value() * torch.randn(4, generator=source)).sum(), 4

    return LossClosure(
        partial(part, 0, 4), forget=partial(part, 0, 2), retain=partial(part, 2, 4), sampled=sampled
    )


def take_step(optimizer, closure):
    if optimizer.needs_closure == "loss":
        return optimizer.step(closure)
    optimizer.zero_grad()
    closure().backward()
    return optimizer.step()


def shorter(name):
    return {"block": 1} if name.startswith("hybrid") else {}


def wrap(weights, name, **options):
    return MasterWeights(weights, partial(create, name, **{"lr": 0.01, **shorter(name), **options}))


def run(optimizer, weight, steps):
    closure = closure_of(weight.float)
    for _ in range(steps):
        take_step(optimizer, closure)
