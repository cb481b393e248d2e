"""A model is scored in evaluation mode, and is afterwards as it was before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unlearnkit.randomness import fitting_threads


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Run a block with a model in evaluation mode; each module's mode comes back, also after an error."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with fitting_threads(model):
            yield
    finally:
        for module in training:  # one by one: some may be kept in evaluation mode on purpose
            module.training = True
