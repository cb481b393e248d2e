"""PyHessian through the adapter: counted, seeded, everything left as it was, and clear refusals."""

from __future__ import annotations

import copy
import math
import sys

import pyhessian
import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.flatness.pyhessian import PyHessian
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import everything, failing, ragged_batches, same, trained_llama

BATCHES = {"one batch": slice(0, 1), "several": slice(None)}


@pytest.fixture(scope="module")
def trained():
    return trained_llama()


@pytest.fixture(params=BATCHES.values(), ids=BATCHES)
def loss(trained, request):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches()[request.param])


@pytest.fixture
def ragged(trained):
    return TokenMeanLoss(copy.deepcopy(trained), ragged_batches())


@pytest.fixture
def unpadded(trained):
    """A batch without padding, for the bare library, and the loss that it stands for."""
    ids = torch.randint(0, 12, (3, 6), generator=torch.Generator().manual_seed(4))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    loss = TokenMeanLoss(copy.deepcopy(trained), [batch])
    return loss, (ids, ids[:, 1:].flatten())


# Counted, seeded, restored


def test_products_are_counted(loss, monkeypatch):
    """By a counter of our own under the library's two products."""
    counted = [0]
    module = sys.modules["pyhessian.hessian"]

    def counting(product):
        def call(*arguments):
            counted[0] += 1
            return product(*arguments)

        return call

    monkeypatch.setattr(module, "hessian_vector_product", counting(module.hessian_vector_product))
    kind = pyhessian.hessian
    monkeypatch.setattr(kind, "dataloader_hv_product", counting(kind.dataloader_hv_product))
    adapter, spent = PyHessian(loss), []
    for ask in (
        lambda: adapter.eigenvalues(2),
        lambda: adapter.trace(samples=7),
        lambda: adapter.density(runs=2, steps=5),
    ):
        counted[0] = 0
        spent.append((ask().hvps, counted[0]))
    assert all(ours == theirs for ours, theirs in spent)
    assert [theirs for _, theirs in spent[1:]] == [7, 10]
    assert spent[0][1] > 4


def test_max_iterations_bound_an_eigenvalue(loss):
    assert PyHessian(loss).eigenvalues(2, tolerance=1e-12, max_iterations=3).hvps == 6


def test_a_seed_decides_the_draws_and_the_global_state_stays(loss, random_state):
    before = random_state()
    first, again, other = (PyHessian(loss, seed=seed).trace(samples=3).estimate for seed in (0, 0, 1))
    assert first == again != other
    PyHessian(loss).density(runs=1, steps=3)
    PyHessian(loss).eigenvalues(1)
    assert random_state() == before


@pytest.mark.parametrize("error", [None, RuntimeError("lost"), KeyboardInterrupt()], ids=str)
@pytest.mark.parametrize("method", ["eigenvalues", "trace", "density"])
def test_the_model_and_the_library_are_left_as_they_were(method, error, ragged):
    module = sys.modules["pyhessian.hessian"]
    own = module.torch, module.hessian_vector_product
    ragged.model.train()
    ragged.model.model.norm.eval()
    ragged.model.model.norm.weight.requires_grad_(False)
    ragged.model.model.norm.weight.grad = torch.ones(4)
    ragged.weights[0].grad = torch.ones_like(ragged.weights[0])
    before, adapter = everything(ragged.model), PyHessian(ragged)
    options = {"eigenvalues": {"k": 1}, "trace": {"samples": 3}, "density": {"runs": 1, "steps": 3}}[method]
    assert same(before, everything(ragged.model))
    if error is None:
        getattr(adapter, method)(**options)
    else:
        with failing(ragged.model, error, at=3), pytest.raises(type(error)):
            getattr(adapter, method)(**options)
    assert same(before, everything(ragged.model))
    assert (module.torch, module.hessian_vector_product) == own


def test_it_may_be_called_where_gradients_are_off(loss):
    with torch.no_grad():
        inside = PyHessian(loss).trace(samples=3)
    assert inside == PyHessian(loss).trace(samples=3)


def test_half_precision_losses_are_taken_in_float32(ragged):
    half = ragged.with_model(copy.deepcopy(ragged.model).bfloat16())
    found = PyHessian(half).trace(samples=4)
    single = PyHessian(ragged).trace(samples=4)
    assert found.estimate == pytest.approx(single.estimate, rel=0.2)


# What is refused


def test_numbers_that_are_none_are_refused(loss):
    with torch.no_grad():
        loss.weights[1][0, 0] = math.nan
    with pytest.raises(BadInput, match=r"it is nan on batches\[0\], so it has no curvature"):
        PyHessian(loss)


def test_a_parameter_without_a_gradient_is_named(loss):
    loss.model.spare = torch.nn.Parameter(torch.ones(3))
    with pytest.raises(BadInput, match=r"batches\[0\] does not depend on spare.*freeze that one"):
        PyHessian(loss)
    loss.model.spare.requires_grad_(False)
    assert PyHessian(loss).trace(samples=2).hvps == 2


def test_a_frozen_model_is_refused(loss):
    loss.model.requires_grad_(False)
    with pytest.raises(BadInput, match="no parameter of the model requires gradients"):
        PyHessian(loss)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda p: p.eigenvalues(0), "^k must be an integer, 1 or above"),
        (lambda p: p.eigenvalues(197), "^k must be .*196 or below"),
        (lambda p: p.eigenvalues(1, tolerance=0.0), "^tolerance must be a finite number above 0"),
        (lambda p: p.eigenvalues(1, max_iterations=0), "^max_iterations must be an integer, 1 or above"),
        (lambda p: p.trace(samples=1), "^samples must be an integer, 2 or above"),
        (lambda p: p.density(runs=0), "^runs must be an integer, 1 or above"),
        (lambda p: p.density(steps=197), "^steps must be .*196 or below"),
        (lambda p: PyHessian(p.loss, seed=1.5), "^seed must be an integer"),
    ],
    ids=["no k", "k too large", "tolerance", "iterations", "samples", "runs", "steps", "seed"],
)
def test_bad_options_are_refused(ask, says, ragged):
    with pytest.raises(BadInput, match=says):
        ask(PyHessian(ragged))
