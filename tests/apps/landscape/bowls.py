"""Surfaces whose every value has a formula, with two paths on them."""

from __future__ import annotations

import numpy as np
import torch

from unlearnkit.flatness import Eigenvalues, Surface, Trajectory

SHARES = np.linspace(0.0, 1.0, 5)


def bowls(points: int = 21, **changes) -> Surface:
    """Forget: a round bowl from 1 at the model; retain: 0.5 and a slope along alpha, steeper along beta."""
    axis = np.linspace(-1.0, 1.0, points)
    alpha, beta = axis[None], axis[:, None]
    given = {
        "alphas": axis, "betas": axis, "words": "along two axes", "marks": {},
        "values": {"forget": 1 + alpha**2 + beta**2, "retain": 0.5 + alpha**2 + 3 * beta**2 + 0 * alpha},
        "trajectories": {"unlearning": way(-0.8, 0.4), "attack": way(0.5, 0.5, labels="relearn-")},
    }  # fmt: skip
    return Surface(**{**given, **changes})


def way(alpha: float, beta: float, *, labels: str = "") -> Trajectory:
    """Five models on a line from the model outwards, each 0.1 off the plane; retain is not known of them."""
    return Trajectory(
        tuple(alpha * SHARES), tuple(beta * SHARES), (0.1,) * 5, {"forget": tuple(1 - SHARES / 2)},
        tuple(f"{labels}{10 * place}" for place in range(5)),
    )  # fmt: skip


def pairs(*values: float) -> Eigenvalues:
    """Eigenvalues with residuals of a tenth."""
    found = torch.tensor(values, dtype=torch.float64)
    return Eigenvalues(found, torch.eye(len(values), 9), found.abs() / 10, 30, "LM", True)
