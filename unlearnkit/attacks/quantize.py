"""Quantization: round every matrix to a few bits and hope that what was forgotten comes back.

Source: 2410.16454, which restored by 4-bit rounding what unlearning had hidden. Their "4-bit" was
bitsandbytes' default; how much comes back depends on the scheme, so every result names its own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from unlearnkit.attacks.kind import COUNT, WORD, AttackKind, Params, one_by_one
from unlearnkit.errors import require_one_of
from unlearnkit.rounding import SCHEMES, matrices, require_bits, round_matrix

BITS = (8, 4, 3, 2)
DEFAULT_SCHEME = "rtn"


@torch.no_grad()
def quantize(model: Any, *, bits: int = 4, scheme: str = "rtn", skip: Sequence[str] = ()) -> Any:
    """A copy of the model whose matrices are rounded; the weights stay in their dtype.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    bits : {8, 4, 3, 2}
        "nf4" and "fp4" take 4 only.
    scheme : str
        "rtn", "rtn-row-asymmetric", "rtn-tensor", "rtn-tensor-asymmetric", "rtn-group",
        "rtn-group-asymmetric", "nf4" or "fp4"; see `unlearnkit.rounding.round_matrix`. The default is
        round to nearest, symmetric, one grid a row.
    skip : sequence of str
        Parts of the names of matrices that are left alone. By default all are rounded, embedding and
        output layer too; vectors, such as the gains of norms, never are. bitsandbytes leaves out what
        ("embed_tokens", "lm_head") names.

    Returns
    -------
    A new model of the same class, in evaluation mode.

    Raises
    ------
    UnknownName, BadInput
        For other bits or schemes, and for a part to skip that names nothing.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.7, 0.24]]))
    >>> quantize(layer, bits=4).weight.tolist()    # steps of 0.1: 0.7 is the seventh
    [[0.7, 0.2]]
    """
    require_one_of("bits", bits, BITS)
    require_bits(bits, scheme)
    rounded = copy.deepcopy(model).eval()
    for _, weight in matrices(rounded, skip=skip):
        weight.copy_(round_matrix(weight, bits, scheme))
    return rounded


def _read(parts: Mapping[str, str | None]) -> Params:
    bits, scheme = int(parts["bits"] or 0), parts["scheme"] or DEFAULT_SCHEME
    require_one_of("attacks: bits", bits, BITS)
    require_one_of("attacks: scheme", scheme, SCHEMES)
    require_bits(bits, scheme)
    return (("bits", bits), ("scheme", scheme))


def _write(params: Mapping[str, Any]) -> str:
    scheme = "" if params["scheme"] == DEFAULT_SCHEME else f":{params['scheme']}"
    return f"quantize-{params['bits']}{scheme}"


QUANTIZE = AttackKind(
    name="quantize",
    forms="quantize-BITS (8, 4, 3, 2) or quantize-BITS:SCHEME",
    pattern=rf"quantize-(?P<bits>{COUNT})(?::(?P<scheme>{WORD}))?",
    read=_read,
    write=_write,
    run=one_by_one(lambda model, lab, seed, params: quantize(model, **params)),
)
