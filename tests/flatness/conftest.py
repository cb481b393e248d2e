"""The small model with its whole Hessian, for every test of curvature."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import unlearnkit as uk

from .small import full_hessian, make_batches, make_llama, trained
from .small_models import everything, ragged_batches, tiny_llama, trained_llama


@pytest.fixture(scope="session")
def batches():
    """Three ragged padded batches."""
    return make_batches()


@pytest.fixture(scope="session")
def small(batches):
    """The model, trained a little: float32, about 900 parameters. Nobody changes it."""
    return trained(make_llama(), batches)


@pytest.fixture
def loss(small, batches):
    """Its loss, in float32."""
    return uk.TokenMeanLoss(small, batches)


@pytest.fixture(scope="session")
def exact(small, batches):
    """Its Hessian in true double, as a NumPy array."""
    with uk.true_double(small) as double:
        return full_hessian(uk.TokenMeanLoss(double, batches)).numpy()


@pytest.fixture(scope="session")
def eigenvalues(exact):
    """The exact eigenvalues, ascending."""
    return np.linalg.eigvalsh(exact)


# For what is refused


@pytest.fixture
def kit():
    """A model, its batches, its loss, a vector of its size, and another model beside it."""
    model, batches = trained_llama().train(), ragged_batches()
    return SimpleNamespace(
        model=model, batches=batches, loss=uk.TokenMeanLoss(model, batches), v=torch.ones(196),
        other=tiny_llama(1), first=batches[0],
    )  # fmt: skip


@pytest.fixture
def untouched(kit):
    """Check after the test that the model is as it was, and in each forward pass that no weight has moved."""

    def watch(model):
        before, start = bits(everything(model)), bits(list(model.parameters()))

        def unmoved(*_):
            assert bits(list(model.parameters())) == start

        handle = model.register_forward_pre_hook(unmoved)
        return lambda: (handle.remove(), bits(everything(model)) == before)[1]

    return watch


def bits(value):
    """Comparable, and NaN is like NaN."""
    if isinstance(value, torch.Tensor):
        data = "meta" if value.is_meta else value.detach().reshape(-1).view(torch.uint8).tolist()
        return str(value.dtype), tuple(value.shape), data
    return [bits(part) for part in value] if isinstance(value, list | tuple) else value
