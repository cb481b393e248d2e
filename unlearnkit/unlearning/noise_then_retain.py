"""A control that forgets without an unlearning loss: noise on every weight, then training on the rest.

Siddiqui et al., "From Dormant to Deleted" (2505.22310), call it weight distortion and find it
resistant to relearning. If noise and distance alone do what a grade of optimizer is said to do,
it shows here.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch

from unlearnkit.errors import require_integer, require_positive
from unlearnkit.metrics.references import references
from unlearnkit.randomness import generator
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.cost import displacement
from unlearnkit.unlearning.loop import unlearn
from unlearnkit.unlearning.run import Run
from unlearnkit.unlearning.status import judge


def noise_then_retain(
    lab: Testbed,
    *,
    sigma: float = 0.02,
    lr: float = 3e-4,
    steps: int = 200,
    batch_size: int = 16,
    seed: int = 0,
    progress: bool = True,
) -> Run:
    """Add Gaussian noise to the target and train on what must be kept; nothing is asked to be forgotten.

    Parameters
    ----------
    lab : Testbed
        Its model never changes.
    sigma : float
        Standard deviation of the noise, a weight; 0.02 is the paper's.
    lr, steps, batch_size
        Of Adam on the retain rows.
    seed : int
        Decides the noise and the order of rows.

    Returns
    -------
    Run
        Scored and judged as any other; its distance is that to the target. The id covers the noisy
        weights that it started from.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> run = noise_then_retain(lab, sigma=1e-4, steps=1, progress=False)
    >>> run.config.objective_options, run.status
    ({'forget_weight': 0.0}, 'not reached')
    """
    require_positive("sigma", sigma)
    require_integer("seed", seed)
    source = generator(seed, "noise-then-retain")
    noisy = replace(lab, model=with_noise(lab.model, sigma=sigma, source=source))
    run = unlearn(
        noisy, "graddiff", objective_options={"forget_weight": 0.0}, optimizer="adam", lr=lr, steps=steps,
        batch_size=batch_size, seed=seed, progress=progress,
    )  # fmt: skip
    diverged = run.status == "diverged"
    return replace(
        run,
        status=judge(run.scores, references(lab), diverged=diverged),
        cost=replace(run.cost, **displacement(run.model, lab.model)),
    )


@torch.no_grad()
def with_noise(model: Any, *, sigma: float, source: torch.Generator) -> Any:
    """A copy of a model with Gaussian noise on every weight, in the dtype that it is kept in."""
    noisy = copy.deepcopy(model).eval()
    for weight in noisy.parameters():
        drawn = torch.randn(weight.shape, generator=source)
        # in the wider of the two dtypes, back to the weight's own at the end
        weight.copy_(weight + sigma * drawn.to(weight.device))
    return noisy
