"""The small model with its whole Hessian, for every test of curvature."""

from __future__ import annotations

import numpy as np
import pytest

import unlearnkit as uk

from .small import full_hessian, make_batches, make_llama, trained


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
