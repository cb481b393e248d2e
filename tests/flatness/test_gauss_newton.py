"""The Gauss-Newton matrix is J^T (diag(p) - p p^T) J over all targets, and is never called the Hessian."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.flatness import GaussNewton, gauss_newton_vector_product
from unlearnkit.flatness.spectrum import quadrature
from unlearnkit.flatness.trace import sampled_trace

from .small import LENGTHS, Dense, apart, full_hessian, make_llama, vector

SIZE = 920


def logits_of(loss):
    """Every target's logits, (targets, vocabulary), and the targets; not by our products."""
    found = [
        (loss.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits, batch)
        for batch in loss.batches
    ]
    chosen = [batch["labels"][:, 1:] != -100 for _, batch in found]
    logits = torch.cat([each[:, :-1][where] for (each, _), where in zip(found, chosen, strict=True)])
    return logits, torch.cat(
        [batch["labels"][:, 1:][where] for (_, batch), where in zip(found, chosen, strict=True)]
    )


def rows_of(output, weights):
    """The derivatives of a flat output, (outputs, weights), a row at a time."""
    units = torch.eye(len(output), dtype=output.dtype)
    rows = torch.autograd.grad(output, weights, units, is_grads_batched=True, materialize_grads=True)
    return torch.cat([part.flatten(1) for part in rows], dim=1)


def written_down(loss):
    """J^T (diag(p) - p p^T) J / N with J written down."""
    logits, _ = logits_of(loss)
    jacobian = rows_of(logits.flatten(), loss.weights).view(*logits.shape, -1)
    p = logits.detach().softmax(dim=-1)
    curved = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    return torch.einsum("tap,tab,tbq->pq", jacobian, curved, jacobian) / len(p)


def curvature_of_logits(loss):
    """The sum of dl/dz d2z/dw2 / N with the slopes p - y held: differentiated by itself."""
    logits, targets = logits_of(loss)
    slopes = logits.detach().softmax(dim=-1)
    slopes[torch.arange(len(targets)), targets] -= 1
    weighted = (slopes * logits).sum() / len(targets)
    gradient = torch.autograd.grad(weighted, loss.weights, create_graph=True)
    return rows_of(torch.cat([part.reshape(-1) for part in gradient]), loss.weights)


@pytest.fixture(scope="module")
def double(small, batches):
    """In true double: the matrix written down, what is missing to the Hessian, vectors and their products."""
    source = torch.Generator().manual_seed(7)
    vectors = torch.randn(30, SIZE, generator=source, dtype=torch.float64)
    with uk.true_double(small) as model:
        loss = uk.TokenMeanLoss(model, batches)
        with GaussNewton(loss).cached() as matrix:
            products = torch.stack([matrix @ v for v in vectors])
        return {
            "matrix": written_down(loss), "rest": curvature_of_logits(loss), "vectors": vectors,
            "products": products,
        }  # fmt: skip


@pytest.fixture(scope="module")
def eigenvalues(double):
    """Ascending."""
    return np.linalg.eigvalsh(double["matrix"].numpy())


# The matrix


def test_in_true_double_it_is_the_matrix_with_its_jacobian_written_down(double):
    products, expected = double["products"], double["vectors"] @ double["matrix"]
    assert products.dtype == torch.float64
    assert (products - expected).abs().max() < 1e-13 * expected.abs().max()


def test_it_is_symmetric_and_positive_semidefinite(double, eigenvalues):
    between = double["vectors"] @ double["products"].T  # u^T G v
    assert (between - between.T).abs().max() < 1e-13 * between.abs().max()
    assert torch.linalg.eigvalsh(between)[0] > 0
    assert eigenvalues[0] > -1e-13 * eigenvalues[-1]
    assert (double["products"] * double["vectors"]).sum(dim=1).min() > 0


def test_it_is_the_hessian_without_the_curvature_of_the_logits(double, exact):
    expected = double["vectors"] @ (torch.from_numpy(exact) - double["rest"])
    assert (double["products"] - expected).abs().max() < 1e-12 * expected.abs().max()
    missing = double["vectors"] @ double["rest"]
    assert missing.norm() > 0.05 * expected.norm()  # they could not be taken for each other


class Linear(torch.nn.Module):
    """Logits that are linear in the weights: a table of tokens, read by the token before."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(16, 16, dtype=torch.float64)

    def forward(self, input_ids, attention_mask, use_cache=None):
        return type("Output", (), {"logits": self.table(input_ids) * attention_mask[..., None]})


def test_of_a_model_that_is_linear_in_its_weights_it_is_the_hessian(batches):
    loss = uk.TokenMeanLoss(Linear(), batches)
    with GaussNewton(loss).cached() as matrix:
        products = torch.stack([matrix @ unit for unit in torch.eye(matrix.size, dtype=torch.float64)])
    assert torch.allclose(products, full_hessian(loss), atol=1e-15, rtol=1e-12)
    assert products.any()


def test_batches_are_weighted_by_their_targets(small, batches):
    """As one padded batch, the same rows give the same."""
    longest = max(batch["labels"].shape[1] for batch in batches)
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    joined = {
        name: torch.cat(
            [
                torch.nn.functional.pad(b[name], (0, longest - b[name].shape[1]), value=fill[name])
                for b in batches
            ]
        )
        for name in fill
    }
    v = vector(SIZE)
    apart_, one = (gauss_newton_vector_product(uk.TokenMeanLoss(small, b), v) for b in (batches, [joined]))
    assert apart(apart_, one) < 1e-6


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("cached", [False, True])
def test_stock_llama_in_float32_is_as_exact_as_float32(double, small, batches, attention, cached):
    model = make_llama(attention=attention)
    model.load_state_dict(small.state_dict())
    matrix, v = GaussNewton(uk.TokenMeanLoss(model, batches)), vector(SIZE)
    if cached:
        with matrix.cached():
            products = [matrix @ v for _ in range(2)]
        assert torch.equal(*products)
    else:
        products = [matrix @ v]
    assert products[0].dtype == torch.float32
    assert apart(products[0], double["matrix"] @ v.double()) < 2e-6


def test_frozen_weights_are_left_out(double, small, batches):
    model = copy.deepcopy(small)
    model.model.embed_tokens.weight.requires_grad_(False)
    first = model.model.embed_tokens.weight.numel()
    product = gauss_newton_vector_product(uk.TokenMeanLoss(model, batches), vector(SIZE - first))
    assert apart(product, double["matrix"][first:, first:] @ vector(SIZE - first).double()) < 2e-6


def test_half_precision_weights_have_float32_products(small, batches, double):
    half = copy.deepcopy(small).to(torch.bfloat16)
    product = gauss_newton_vector_product(uk.TokenMeanLoss(half, batches), vector(SIZE))
    assert product.dtype == torch.float32
    assert apart(product, double["matrix"] @ vector(SIZE).double()) < 0.1


def test_a_loss_without_any_of_its_weights_is_flat(small, batches):
    model = copy.deepcopy(small).requires_grad_(False)
    model.unused = torch.nn.Parameter(torch.ones(3))
    assert not gauss_newton_vector_product(uk.TokenMeanLoss(model, batches), torch.ones(3)).any()


# Kept graphs


def forwards(model):
    calls = []
    return calls, model.register_forward_hook(lambda *_: calls.append(1))


@pytest.mark.parametrize(("free", "passes"), [(10**9, 1 + len(LENGTHS)), (10**5, 1 + 3 * len(LENGTHS))])
def test_graphs_are_kept_where_they_fit(loss, monkeypatch, free, passes):
    monkeypatch.setattr("unlearnkit.flatness.batchwise.free_bytes", lambda device: free)
    matrix = GaussNewton(loss)
    calls, hook = forwards(loss.model)
    with hook, matrix.cached():
        products = [matrix @ vector(SIZE, seed) for seed in (0, 1, 0)]
    assert len(calls) == passes
    assert torch.equal(products[0], products[2])
    assert torch.equal(products[0], gauss_newton_vector_product(loss, vector(SIZE)))
    assert matrix.products == 3
    assert not matrix._graphs


@pytest.mark.parametrize("raised", [None, RuntimeError, KeyboardInterrupt])
def test_the_model_is_left_as_it_was(batches, fingerprint, random_state, raised):
    model = make_llama(attention="sdpa").train()
    model.model.layers[0].eval()
    model.lm_head.weight.requires_grad_(False)
    model.model.norm.weight.grad = torch.full((8,), 3.0)
    before = fingerprint(model), random_state(), torch.is_grad_enabled()
    matrix, calls = GaussNewton(uk.TokenMeanLoss(model, batches)), []

    def interrupt(*_):
        calls.append(1)
        if raised and len(calls) == 3:
            raise raised

    with model.register_forward_hook(interrupt):
        if raised:
            with pytest.raises(raised), matrix.cached():
                matrix @ vector(matrix.size)
        else:
            with torch.no_grad(), matrix.cached():
                assert (matrix @ vector(matrix.size)).any()
    assert (fingerprint(model), random_state(), torch.is_grad_enabled()) == before
    assert not matrix._graphs


# Eigenvalues, trace and spectrum of it, by its name


def test_its_outermost_eigenvalues(loss, eigenvalues):
    found = uk.flatness.top_eigenvalues(loss, 3, matrix="gauss_newton")
    assert found.values.tolist() == pytest.approx(eigenvalues[::-1][:3].tolist(), rel=1e-5)
    assert found.converged
    assert found.matrix == found.to_dict()["matrix"] == "Gauss-Newton matrix"
    assert "<caption>Gauss-Newton matrix, LM, " in found._repr_html_()
    lowest = uk.flatness.top_eigenvalues(loss, 1, which="SA", matrix="gauss_newton", max_products=60)
    assert abs(lowest.values[0]) < 1e-4 * eigenvalues[-1]


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_its_trace_is_that_of_the_matrix_written_down(loss, double, method):
    found = uk.flatness.trace(loss, samples=6, method=method, matrix="gauss_newton", seed=2)
    theirs = sampled_trace(Dense(double["matrix"]), samples=6, method=method, seed=2)
    assert found.estimate == pytest.approx(theirs.estimate, rel=1e-5)
    assert found.stderr == pytest.approx(theirs.stderr, rel=1e-4)
    assert found.name == theirs.name.replace("matrix", "Gauss-Newton matrix")
    assert found.name.startswith("trace of the Gauss-Newton matrix")


def test_its_spectrum_is_that_of_the_matrix_written_down(loss, double):
    found = uk.flatness.spectrum(loss, runs=2, steps=6, matrix="gauss_newton")
    theirs = quadrature(Dense(double["matrix"]), runs=2, steps=6)
    for ours, others in ((found.nodes, theirs.nodes), (found.weights, theirs.weights)):
        np.testing.assert_allclose(ours, others, rtol=1e-3, atol=1e-6)
    assert min(nodes.min() for nodes in found.nodes) >= 0.0
    assert found.matrix == json.loads(json.dumps(found.to_dict()))["matrix"] == "Gauss-Newton matrix"
    assert (
        "<caption>spectrum of the Gauss-Newton matrix, 2 runs, 12 products</caption>" in found._repr_html_()
    )
    assert theirs.matrix == "matrix"


def test_without_a_word_it_is_the_hessian_and_called_so(loss, exact):
    values = np.linalg.eigvalsh(exact)
    found = uk.flatness.top_eigenvalues(loss, 1)
    assert found.values.item() == pytest.approx(values[np.abs(values).argmax()], rel=1e-5)
    assert found.matrix == uk.flatness.spectrum(loss, runs=1, steps=2).matrix == "Hessian"
    assert "<caption>Hessian, LM" in found._repr_html_()
    named = uk.flatness.top_eigenvalues(loss, 1, matrix="hessian")
    assert torch.equal(named.values, found.values)


@pytest.mark.gpu
def test_on_a_gpu_it_is_that_of_the_cpu(small, batches, loss):
    moved = [{name: tensor.to("cuda") for name, tensor in batch.items()} for batch in batches]
    there = uk.TokenMeanLoss(copy.deepcopy(small).to("cuda"), moved)
    product = gauss_newton_vector_product(there, vector(SIZE).to("cuda"))
    assert apart(product.cpu(), gauss_newton_vector_product(loss, vector(SIZE))) < 1e-5
