"""Weight noise: does what was forgotten come back a small random step away?

The weakest attacker there is: it knows neither data nor direction. Randomized smoothing certifies
against just this noise, and flat minima are said to shrug it off.
"""

from __future__ import annotations

from typing import Any

from unlearnkit.attacks.kind import of_one_number
from unlearnkit.errors import require_integer, require_positive
from unlearnkit.randomness import generator
from unlearnkit.unlearning.noise_then_retain import with_noise


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
    >>> import torch
    >>> layer = torch.nn.Linear(100, 100)
    >>> moved = add_noise(layer, sigma=0.1).weight - layer.weight
    >>> round(moved.std().item(), 2)
    0.1
    """
    require_positive("sigma", sigma)
    require_integer("seed", seed)
    return with_noise(model, sigma=sigma, source=generator(seed, "weight-noise"))


NOISE = of_one_number(
    "noise",
    "sigma",
    check=require_positive,
    apply=lambda model, lab, seed, params: add_noise(model, seed=seed, **params),
)
