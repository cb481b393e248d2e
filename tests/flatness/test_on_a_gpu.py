"""Flatness on a GPU: the CPU's numbers, the GPU model's own loss in its own cell, and everything put back.

Draws are made on the CPU and moved, so both devices look along the same directions; what is left between them
is how they round.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from unlearnkit.displaced import flatten
from unlearnkit.errors import BadInput
from unlearnkit.flatness import (
    connectivity,
    hessian_vector_product,
    random_direction,
    sharpness,
    spectrum,
    surface,
    top_eigenvalues,
    trace,
)
from unlearnkit.flatness.memory import free_bytes, saved_bytes
from unlearnkit.flatness.pyhessian import PyHessian
from unlearnkit.flatness.sharpness import KINDS
from unlearnkit.precision import true_double
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small import apart, vector
from .small_models import everything, failing, ragged_batches, same, tiny_llama, trained_llama

pytestmark = pytest.mark.gpu

GPU = "cuda"


def moved(batches):
    return [{name: tensor.to(GPU) for name, tensor in batch.items()} for batch in batches]


@pytest.fixture
def here():
    """The loss on the CPU."""
    return TokenMeanLoss(trained_llama(), ragged_batches())


@pytest.fixture
def there(here):
    """The same loss on the GPU."""
    return TokenMeanLoss(copy.deepcopy(here.model).to(GPU), moved(ragged_batches()))


@pytest.fixture(autouse=True)
def _full_precision():
    """TF32 keeps ten bits of a product: no rounding that these tolerances allow for."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32 = before


def test_the_loss_and_its_products_are_the_cpus(here, there):
    assert there().item() == pytest.approx(here().item(), rel=1e-5)
    v = vector(sum(weight.numel() for weight in here.weights))
    product = hessian_vector_product(there, v.to(GPU))
    assert product.device.type == GPU
    assert apart(product.cpu(), hessian_vector_product(here, v)) < 1e-4


def test_in_true_double_they_are_the_cpus_to_ten_digits(here, there):
    v = vector(sum(weight.numel() for weight in here.weights), dtype=torch.float64)
    with true_double(here.model) as one, true_double(there.model) as other:
        expected = hessian_vector_product(here.with_model(one), v)
        found = hessian_vector_product(there.with_model(other), v.to(GPU))
    assert found.dtype == torch.float64
    assert apart(found.cpu(), expected) < 1e-10


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_fused_kernels_of_the_gpu_are_no_obstacle(attention, here):
    """Of sdpa the GPU would take a fused kernel, which has no second derivative."""
    model = tiny_llama(attn_implementation=attention)
    model.load_state_dict(here.model.state_dict())
    there = TokenMeanLoss(model.to(GPU), moved(ragged_batches()))
    v = vector(sum(weight.numel() for weight in here.weights))
    assert apart(hessian_vector_product(there, v.to(GPU)).cpu(), hessian_vector_product(here, v)) < 1e-4


@pytest.mark.parametrize("which", ["LM", "LA", "SA"])
def test_eigenvalues_are_the_cpus(which, here, there):
    one, other = (top_eigenvalues(loss, 3, which=which) for loss in (here, there))
    assert one.converged
    assert other.converged
    assert other.vectors.device.type == GPU
    assert other.values.tolist() == pytest.approx(one.values.tolist(), rel=1e-3)


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_traces_from_the_same_draws_are_the_cpus(method, here, there):
    one, other = (trace(loss, samples=12, method=method) for loss in (here, there))
    assert other.estimate == pytest.approx(one.estimate, rel=1e-3)
    assert other.stderr == pytest.approx(one.stderr, rel=1e-2)


def test_spectra_from_the_same_starts_are_the_cpus(here, there):
    one, other = (spectrum(loss, runs=2, steps=5) for loss in (here, there))
    for nodes, others in zip(one.nodes, other.nodes, strict=True):
        np.testing.assert_allclose(others, nodes, rtol=1e-3, atol=1e-3 * np.abs(nodes).max())


@pytest.mark.parametrize("kind", KINDS)
def test_sharpness_is_the_cpus(kind, here, there):
    one, other = (sharpness(loss, kind=kind, samples=8, steps=5) for loss in (here, there))
    assert other.value == pytest.approx(one.value, rel=1e-2)


def test_directions_are_drawn_alike(here, there):
    for which in (0, 1):
        one, other = (flatten(random_direction(loss, which=which)) for loss in (here, there))
        assert other.device.type == GPU
        assert apart(other.cpu(), one) < 1e-6


@pytest.mark.parametrize("directions", ["random", "eigen", "models"])
def test_a_surface_has_the_gpu_models_own_loss_in_its_cell_and_the_cpus_around_it(directions, here, there):
    models = [tiny_llama(1), tiny_llama(2)]
    given = {"random": ("random",) * 2, "eigen": ("eigen",) * 2}.get(
        directions, (models, [copy.deepcopy(model).to(GPU) for model in models])
    )
    one, other = (
        surface(loss, directions=way, points=3, span=0.2)
        for loss, way in zip((here, there), given, strict=True)
    )
    assert other.near("loss", 0.0, 0.0) == there().item()
    grid, theirs = one.values["loss"], other.values["loss"]
    if directions == "eigen":  # an eigenvector may point either way
        theirs = min(
            (theirs[::down, ::right] for down in (1, -1) for right in (1, -1)),
            key=lambda turned: float(np.abs(turned - grid).max()),
        )
    np.testing.assert_allclose(theirs, grid, rtol=1e-3)


def test_models_may_lie_on_the_cpu_while_the_loss_is_on_the_gpu(there):
    models = [tiny_llama(1), tiny_llama(2)]
    mixed = surface(there, directions=models, points=3)
    alike = surface(there, directions=[copy.deepcopy(model).to(GPU) for model in models], points=3)
    np.testing.assert_array_equal(mixed.values["loss"], alike.values["loss"])


def test_connectivity_is_the_cpus_and_its_ends_are_the_models_own(here, there):
    other = tiny_llama(1)
    expected = connectivity(here, here.model, other, points=5)
    found = connectivity(there, there.model, copy.deepcopy(other).to(GPU), points=5)
    assert found.path[0] == there().item()
    assert found.path == pytest.approx(expected.path, rel=1e-3)
    assert found.control_path == pytest.approx(expected.control_path, rel=1e-3)
    assert found.distance == pytest.approx(expected.distance, rel=1e-5)


def test_pyhessian_on_the_gpu_is_our_own(there):
    pytest.importorskip("pyhessian")
    theirs, ours = PyHessian(there), top_eigenvalues(there, 2)
    found = theirs.eigenvalues(2, tolerance=1e-6)
    assert found.values.tolist() == pytest.approx(ours.values.tolist(), rel=1e-2)
    assert theirs.density(runs=1, steps=5).nodes[0].max() == pytest.approx(float(ours.values.max()), rel=0.2)


@pytest.mark.parametrize("error", [None, RuntimeError("lost"), KeyboardInterrupt()], ids=str)
def test_the_model_on_the_gpu_is_left_as_it_was(error, there):
    there.model.train()
    there.weights[0].grad = torch.ones_like(there.weights[0])
    before, state = everything(there.model), torch.get_rng_state()
    for ask in (
        lambda: surface(there, points=3),
        lambda: sharpness(there, kind="average", samples=4),
        lambda: sharpness(there, kind="worst", steps=8),
        lambda: top_eigenvalues(there, 1),
    ):
        if error is None:
            ask()
        else:
            with failing(there.model, error, at=4), pytest.raises(type(error)):
                ask()
                ask()
        assert same(before, everything(there.model))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_seed_decides_on_the_gpu_too(there):
    first, again = (surface(there, points=3).values["loss"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_memory_is_the_gpus_and_graphs_are_counted_there(there):
    assert free_bytes(there.device) == pytest.approx(torch.cuda.mem_get_info()[0], rel=0.1)
    with saved_bytes() as saved, torch.enable_grad():
        kept = there()
    assert kept.requires_grad
    assert saved.total > 0
    with pytest.raises(BadInput, match=r"basis vectors of 196 numbers.*are free on cuda.*max_products"):
        _too_much(there)


def _too_much(loss):
    from unlearnkit.flatness import memory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "free_bytes", lambda device: 1000)
        top_eigenvalues(loss, 1)


def test_data_or_a_vector_that_stayed_on_the_cpu_is_refused(here, there):
    with pytest.raises(BadInput, match=r"^batches\[0\] is on cpu, the model on cuda:0; move one of them"):
        TokenMeanLoss(there.model, here.batches)
    with pytest.raises(BadInput, match=r"^vector is on cpu, the model on cuda:0"):
        hessian_vector_product(there, torch.ones(196))


def test_half_precision_is_not_moved_but_has_curvature(there):
    half = there.with_model(copy.deepcopy(there.model).bfloat16())
    for ask in (surface, sharpness, lambda loss: connectivity(loss, loss.model, there.model)):
        with pytest.raises(BadInput, match=r"must be float32 or float64 to be moved.*\.float\(\)"):
            ask(half)
    v = vector(196).to(GPU)
    product = hessian_vector_product(half, v)
    assert product.dtype == torch.float32
    assert apart(product, hessian_vector_product(there, v)) < 0.2
