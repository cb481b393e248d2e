"""Which weights of a model rounding applies to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from unlearnkit.errors import BadInput


def matrices(model: Any, *, skip: Sequence[str] = ()) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights that rounding applies to: every matrix, a tied one once.

    Embeddings are among them (in a small model they are a quarter of the weights and tied to the
    output layer); gains of norms and biases, which are vectors, stay as they are.

    Parameters
    ----------
    model : torch.nn.Module
    skip : sequence of str
        Parts of names between dots: ("embed_tokens", "lm_head") leaves out what bitsandbytes leaves alone.
        A tied matrix is left out under either of its names.

    Raises
    ------
    BadInput
        When a part names nothing in the model: nothing would be skipped, unnoticed.

    Examples
    --------
    >>> model = torch.nn.ModuleDict({"head": torch.nn.Linear(2, 1), "body": torch.nn.Linear(2, 2)})
    >>> [name for name, _ in matrices(model, skip=("head",))]
    ['body.weight']
    """
    skipped = _skipped(model, skip)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and parameter.is_floating_point() and id(parameter) not in skipped:
            yield name, parameter


def _skipped(model: Any, skip: Sequence[str]) -> set[int]:
    if isinstance(skip, str):
        raise BadInput(f'skip: a tuple of name parts is expected, not the string "{skip}"; use ("{skip}",)')
    named = [(name.split("."), p) for name, p in model.named_parameters(remove_duplicate=False)]
    for part in skip:
        if not any(part in parts for parts, _ in named):
            raise BadInput(f'skip: "{part}" is part of no parameter\'s name; see model.named_parameters()')
    return {id(parameter) for parts, parameter in named if set(parts) & set(skip)}
