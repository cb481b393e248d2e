"""What the Gauss-Newton matrix refuses: losses that it is not the matrix of, and unknown or broken input."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.flatness import GaussNewton, gauss_newton_vector_product

from .small import vector

SIZE = 920


class Negated(uk.TokenMeanLoss):
    """What gradient ascent goes down."""

    def batch_sum(self, index):
        return -super().batch_sum(index)


class Renamed(uk.TokenMeanLoss):
    """A subclass that changes nothing about the loss."""


def test_a_loss_of_another_form_is_refused_by_name(small, batches, loss):
    for ask in (
        GaussNewton,
        lambda given: gauss_newton_vector_product(given, vector(SIZE)),
        lambda given: uk.flatness.trace(given, matrix="gauss_newton"),
    ):
        with pytest.raises(
            BadInput, match=r"^loss: Negated has a batch_sum of its own.*\(matrix=\"hessian\"\)"
        ):
            ask(Negated(small, batches))
    loss.batch_sum = lambda index: loss.weights[0].sum()
    with pytest.raises(BadInput, match=r"^loss: TokenMeanLoss has a batch_sum of its own"):
        GaussNewton(loss)
    plain = gauss_newton_vector_product(uk.TokenMeanLoss(small, batches), vector(SIZE))
    assert torch.equal(gauss_newton_vector_product(Renamed(small, batches), vector(SIZE)), plain)


@pytest.mark.parametrize("function", ["top_eigenvalues", "trace", "spectrum"])
def test_an_unknown_matrix_is_refused(loss, function):
    with pytest.raises(
        UnknownName, match=r'^matrix: "gauss-newton" is not known; did you mean "gauss_newton"'
    ):
        getattr(uk.flatness, function)(loss, matrix="gauss-newton")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.ones(SIZE - 1), rf"^vector must be a flat tensor of {SIZE} numbers.*shape \(919,\)"),
        ([1.0] * SIZE, "a list was given"),
        (torch.ones(SIZE, device="meta"), "^vector is on meta, the model on cpu"),
        (torch.full((SIZE,), torch.inf), "^vector has numbers that are not finite"),
        (torch.full((SIZE,), 1e38), "^loss: a product with its Gauss-Newton matrix is not finite"),
    ],
)
def test_a_wrong_vector_is_refused(loss, wrong, message):
    with pytest.raises(BadInput, match=message):
        gauss_newton_vector_product(loss, wrong)


def test_a_frozen_model_and_weights_that_are_no_numbers_are_refused(small, batches):
    model = copy.deepcopy(small)
    with torch.no_grad():
        model.lm_head.weight[3, 3] = torch.nan
    with pytest.raises(BadInput, match=r"^loss: it is nan on batches\[0\].*not numbers"):
        gauss_newton_vector_product(uk.TokenMeanLoss(model, batches), vector(SIZE))
    with pytest.raises(BadInput, match="so there is no Gauss-Newton matrix"):
        GaussNewton(uk.TokenMeanLoss(model.requires_grad_(False), batches))
