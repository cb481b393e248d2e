"""A model while it is scored: nothing drops out, no gradient is kept, and all is put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from unlearnkit.randomness import fitting_threads


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Run a block with a model in evaluation mode, without gradients, on as many threads as fit its size.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(1, 1)).train()
    >>> with evaluating(model):
    ...     model[0].training
    False
    >>> model[0].training
    True
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad(), fitting_threads(model):
            yield
    finally:
        for module in training:  # one by one: some may be kept in evaluation mode on purpose
            module.training = True
