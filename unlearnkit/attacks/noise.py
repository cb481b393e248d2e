"""Weight noise: does what was forgotten come back a small random step away?

The weakest attacker there is: it knows neither data nor direction. Randomized smoothing certifies
against just this noise, and flat minima are said to shrug it off.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch

from unlearnkit.attacks.kind import NUMBER, AttackKind, Params, one_by_one, shortest
from unlearnkit.errors import require_integer, require_positive
from unlearnkit.randomness import generator


@torch.no_grad()
def add_noise(model: Any, *, sigma: float, seed: int = 0) -> Any:
    """A copy of the model with Gaussian noise on every weight, vectors too, a tied one once.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    sigma : float
        Standard deviation of the change of each weight, in the weights' own units: n weights move about
        sigma times the square root of n in L2.
    seed : int
        The noise is drawn on the CPU, so that every device meets the same.

    Returns
    -------
    A new model, in evaluation mode. Half-precision weights are moved in float32, then rounded back.

    Raises
    ------
    BadInput
        Unless sigma is finite and above 0.

    Examples
    --------
    >>> layer = torch.nn.Linear(100, 100)
    >>> moved = add_noise(layer, sigma=0.1).weight - layer.weight
    >>> round(moved.std().item(), 2)
    0.1
    """
    require_positive("sigma", sigma)
    require_integer("seed", seed)
    noisy, stream = copy.deepcopy(model).eval(), generator(seed, "weight-noise")
    for weight in noisy.parameters():
        drawn = torch.randn(weight.shape, generator=stream)
        # in the wider of the two dtypes, back to the weight's own at the end
        weight.copy_(weight + sigma * drawn.to(weight.device))
    return noisy


def _read(parts: Mapping[str, str | None]) -> Params:
    sigma = float(parts["sigma"] or 0)
    require_positive("attacks: sigma", sigma)
    return (("sigma", sigma),)


NOISE = AttackKind(
    name="noise",
    forms="noise-SIGMA",
    pattern=rf"noise-(?P<sigma>{NUMBER})",
    read=_read,
    write=lambda params: f"noise-{shortest(params['sigma'])}",
    run=one_by_one(lambda model, lab, seed, params: add_noise(model, seed=seed, **params)),
)
