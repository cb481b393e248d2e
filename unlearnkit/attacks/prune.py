"""Magnitude pruning: the smallest weights of every matrix become zero."""

from __future__ import annotations

import copy
from typing import Any

import torch

from unlearnkit.attacks.kind import of_one_number
from unlearnkit.errors import require_fraction
from unlearnkit.rounding import matrices


@torch.no_grad()
def prune(model: Any, *, fraction: float) -> Any:
    """A copy of the model in which a share of each matrix, the smallest magnitudes, is zero.

    Unstructured, without retraining, the same share in every matrix, embedding and output layer included;
    vectors are left alone.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    fraction : float
        Between 0 and 1. Of n weights, round(fraction n) become zero (halves to even), exactly: among equal
        magnitudes the first ones, row after row. Zeros that were there count.

    Returns
    -------
    A new model, in evaluation mode.

    Raises
    ------
    BadInput
        Unless the fraction lies between 0 and 1, both excluded.

    Examples
    --------
    >>> layer = torch.nn.Linear(4, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.3, -0.1, 0.1, -0.4]]))
    >>> prune(layer, fraction=0.25).weight.tolist()
    [[0.3, 0.0, 0.1, -0.4]]
    """
    require_fraction("fraction", fraction)
    pruned = copy.deepcopy(model).eval()
    for _, weight in matrices(pruned):
        order = weight.abs().flatten().sort(stable=True).indices
        kept = torch.ones_like(order, dtype=torch.bool)
        kept[order[: round(fraction * weight.numel())]] = False
        weight.copy_(torch.where(kept.view_as(weight), weight, 0))
    return pruned


PRUNE = of_one_number(
    "prune",
    "fraction",
    check=require_fraction,
    apply=lambda model, lab, seed, params: prune(model, **params),
)
