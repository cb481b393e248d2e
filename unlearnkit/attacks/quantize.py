"""Quantization: round every matrix to a few bits and hope that what was forgotten comes back."""

from __future__ import annotations

import copy
from typing import Any

import torch

from unlearnkit.errors import require_one_of
from unlearnkit.rounding import matrices, round_rows

SCHEMES = ("rtn",)
BITS = (8, 4, 3, 2)


@torch.no_grad()
def quantize(model: Any, *, bits: int = 4, scheme: str = "rtn") -> Any:
    """A copy of the model whose matrices are rounded; the weights stay in their dtype.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    bits : {8, 4, 3, 2}
    scheme : {"rtn"}
        "rtn": round to nearest, symmetric, one grid a row. The embedding and the output layer are
        rounded too (libraries often skip them); vectors, such as the gains of norms, are not.

    Returns
    -------
    A new model of the same class, in evaluation mode.

    Raises
    ------
    UnknownName
        For other bits or schemes.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.7, 0.24]]))
    >>> quantize(layer, bits=4).weight.tolist()    # steps of 0.1: 0.7 is the seventh
    [[0.7, 0.2]]
    """
    require_one_of("bits", bits, BITS)
    require_one_of("scheme", scheme, SCHEMES)
    rounded = copy.deepcopy(model).eval()
    for _, weight in matrices(rounded):
        weight.copy_(round_rows(weight, bits))
    return rounded
