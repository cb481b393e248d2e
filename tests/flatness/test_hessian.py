"""Products with the Hessian: those of the full matrix, over ragged padded batches, nothing else changed."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.flatness import Hessian, hessian_vector_product

from .small import LENGTHS, apart, full_hessian, make_batches, make_llama, vector


def concatenated(batches):
    """All rows as one batch, padded to the longest."""
    longest = max(batch["labels"].shape[1] for batch in batches)
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    return {
        name: torch.cat(
            [
                torch.nn.functional.pad(batch[name], (0, longest - batch[name].shape[1]), value=padding)
                for batch in batches
            ]
        )
        for name, padding in fill.items()
    }


# The product


def test_in_true_double_it_is_the_full_matrix_times_the_vector(small, batches, exact):
    with uk.true_double(small) as double:
        v = vector(len(exact), dtype=torch.float64)
        product = hessian_vector_product(uk.TokenMeanLoss(double, batches), v)
    assert product.dtype == torch.float64
    assert apart(product, torch.from_numpy(exact) @ v) < 1e-12


def test_in_float32_it_is_that_to_five_digits(loss, exact):
    v = vector(len(exact))
    product = hessian_vector_product(loss, v)
    assert product.dtype == torch.float32
    assert apart(product, torch.from_numpy(exact) @ v.double()) < 1e-5


def test_ragged_batches_have_the_hessian_of_their_rows_in_one_batch(small, loss, batches):
    v = vector(920)
    together = hessian_vector_product(uk.TokenMeanLoss(small, [concatenated(batches)]), v)
    assert apart(hessian_vector_product(loss, v), together) < 1e-6


def test_a_mean_of_batch_means_has_another_one(small, batches, loss):
    v = vector(920)
    wrong = sum(hessian_vector_product(uk.TokenMeanLoss(small, [batch]), v) for batch in batches) / len(
        batches
    )
    assert apart(wrong, hessian_vector_product(loss, v)) > 0.1


def test_products_are_symmetric(small, batches):
    with uk.true_double(small) as double:
        hessian = Hessian(uk.TokenMeanLoss(double, batches))
        u, v = (vector(hessian.size, seed, torch.float64) for seed in (1, 2))
        one, other = float(u @ (hessian @ v)), float(v @ (hessian @ u))
    assert one == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize("step", [1e-3, 1e-4])
def test_second_differences_of_the_loss_are_its_quadratic_form(small, batches, step):
    with uk.true_double(small) as double:
        ratio = difference_ratio(double, batches, step)
    assert ratio == pytest.approx(1, abs=20 * step**2 + 1e-6)
    assert step > 1e-4 or ratio == pytest.approx(1, abs=1e-6)


def test_the_check_catches_a_model_that_is_double_in_name_only(small, batches):
    assert abs(difference_ratio(copy.deepcopy(small).double(), batches, 1e-4) - 1) > 1e-4


def difference_ratio(model, batches, step):
    """[L(t + su) + L(t - su) - 2 L(t)] / s^2 over u'Hu."""
    loss = uk.TokenMeanLoss(model, batches)
    u = [
        vector(weight.numel(), seed, torch.float64).view_as(weight)
        for seed, weight in enumerate(loss.weights)
    ]
    flat = torch.cat([part.flatten() for part in u])
    form = float(flat @ hessian_vector_product(loss, flat))
    kept, values = [weight.detach().clone() for weight in loss.weights], {}
    with torch.no_grad():
        for way in (0.0, step, -step):
            for weight, start, part in zip(loss.weights, kept, u, strict=True):
                weight.copy_(start + way * part)
            values[way] = float(loss())
        for weight, start in zip(loss.weights, kept, strict=True):
            weight.copy_(start)
    return (values[step] + values[-step] - 2 * values[0.0]) / step**2 / form


# Of which weights, in which model


def test_of_frozen_parameters_there_are_no_rows(small, batches, exact):
    model = copy.deepcopy(small)
    model.model.embed_tokens.weight.requires_grad_(False)
    free = slice(model.model.embed_tokens.weight.numel(), None)  # the embedding comes first
    v = vector(len(exact) - free.start)
    product = hessian_vector_product(uk.TokenMeanLoss(model, batches), v)
    assert apart(product, torch.from_numpy(exact[free, free]) @ v.double()) < 1e-5


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_tied_weight_counts_once_with_both_its_uses(kind, batches):
    sizes = {"vocab_size": 16, "n_embd": 4, "n_layer": 1, "n_head": 2, "n_positions": 12, "n_inner": 8}
    if kind == "llama":
        model = make_llama(hidden=4, tie_word_embeddings=True)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = GPT2LMHeadModel(GPT2Config(**sizes, attn_implementation="eager")).eval()
    with uk.true_double(model) as double:
        loss = uk.TokenMeanLoss(double, batches)
        hessian = Hessian(loss)
        assert hessian.size == sum(weight.numel() for weight in set(double.parameters()))
        v = vector(hessian.size, dtype=torch.float64)
        assert apart(hessian @ v, full_hessian(loss) @ v) < 1e-12


def test_a_parameter_that_the_loss_does_not_see_has_zeros(small, batches, loss):
    model = copy.deepcopy(small)
    model.unused = torch.nn.Parameter(torch.ones(3))
    where = [name for name, _ in model.named_parameters()].index("unused")
    before = sum(weight.numel() for weight in list(model.parameters())[:where])
    v = vector(923)
    product = hessian_vector_product(uk.TokenMeanLoss(model, batches), v)
    seen = [*range(before), *range(before + 3, 923)]
    assert not product[before : before + 3].any()
    assert torch.equal(product[seen], hessian_vector_product(loss, v[seen]))


def test_a_loss_without_any_of_its_weights_is_flat(small, batches):
    model = copy.deepcopy(small).requires_grad_(False)
    model.unused = torch.nn.Parameter(torch.ones(3))
    assert not hessian_vector_product(uk.TokenMeanLoss(model, batches), torch.ones(3)).any()


def test_products_of_half_precision_weights_are_float32(small, batches, loss):
    half = copy.deepcopy(small).to(torch.bfloat16)
    v = vector(920)
    product = hessian_vector_product(uk.TokenMeanLoss(half, batches), v)
    assert product.dtype == torch.float32
    assert apart(product, hessian_vector_product(loss, v)) < 0.1


# Many products


def count_forwards(model):
    calls = []
    return calls, model.register_forward_hook(lambda *_: calls.append(1))


def test_a_cached_product_is_the_same_without_a_forward_pass(loss):
    vectors = [vector(920, seed) for seed in range(4)]
    plain = [hessian_vector_product(loss, v) for v in vectors]
    hessian = Hessian(loss)
    calls, hook = count_forwards(loss.model)
    with hook, hessian.cached():
        cached = [hessian @ v for v in vectors]
    assert all(torch.equal(one, other) for one, other in zip(plain, cached, strict=True))
    assert len(calls) == 1 + len(LENGTHS)  # the largest batch, to see what it takes; then each once
    assert hessian.products == 4


def test_after_the_block_no_graph_is_kept(loss):
    hessian = Hessian(loss)
    with hessian.cached():
        hessian @ vector(920)
        assert len(hessian._graphs) == len(LENGTHS)
    assert not hessian._graphs
    calls, hook = count_forwards(loss.model)
    with hook:
        hessian @ vector(920)
    assert len(calls) == len(LENGTHS)


@pytest.mark.parametrize(("free", "beside", "forwards"), [(10**9, 0, 4), (10**5, 0, 7), (10**9, 10**9, 7)])
def test_where_graphs_do_not_fit_they_are_made_anew(loss, monkeypatch, free, beside, forwards):
    monkeypatch.setattr("unlearnkit.flatness.batchwise.free_bytes", lambda device: free)
    hessian = Hessian(loss)
    calls, hook = count_forwards(loss.model)
    with hook, hessian.cached(beside=beside):
        products = [hessian @ vector(920) for _ in range(2)]
    assert len(calls) == forwards
    assert torch.equal(*products)
    assert torch.equal(products[0], hessian_vector_product(loss, vector(920)))


# Nothing else changes


@pytest.mark.parametrize("raised", [None, RuntimeError, KeyboardInterrupt])
def test_the_model_is_left_as_it_was(batches, fingerprint, random_state, raised):
    model = make_llama(attention="sdpa").train()
    model.model.layers[0].eval()
    model.lm_head.weight.requires_grad_(False)
    model.model.norm.weight.grad = torch.full((8,), 3.0)
    kernels = (torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.math_sdp_enabled)
    before = fingerprint(model), random_state(), [enabled() for enabled in kernels], torch.is_grad_enabled()
    hessian = Hessian(uk.TokenMeanLoss(model, batches))
    if raised:
        calls = []

        def interrupt(*_):
            calls.append(1)
            if len(calls) == 3:
                raise raised

        with model.register_forward_hook(interrupt), pytest.raises(raised), hessian.cached():
            hessian @ vector(hessian.size)
    else:
        with torch.no_grad(), hessian.cached():
            assert (hessian @ vector(hessian.size)).any()
    after = fingerprint(model), random_state(), [enabled() for enabled in kernels], torch.is_grad_enabled()
    assert after == before
    assert not hessian._graphs


# What is refused


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.ones(919), r"flat tensor of 920 numbers.*shape \(919,\)"),
        (torch.ones(920, 1), r"flat tensor of 920 numbers.*shape \(920, 1\)"),
        ([1.0] * 920, "a list was given"),
        (torch.ones(920, device="meta"), "vector is on meta, the model on cpu"),
    ],
)
def test_a_wrong_vector_is_refused(loss, wrong, message):
    with pytest.raises(BadInput, match=message):
        hessian_vector_product(loss, wrong)


def test_all_frozen_is_refused(small, batches):
    frozen = copy.deepcopy(small).requires_grad_(False)
    with pytest.raises(BadInput, match="no parameter of the model requires gradients"):
        Hessian(uk.TokenMeanLoss(frozen, batches))


def test_weights_that_are_not_numbers_are_refused(small, batches):
    broken = copy.deepcopy(small)
    with torch.no_grad():
        broken.lm_head.weight[3, 3] = torch.nan
    with pytest.raises(BadInput, match=r"it is nan on batches\[0\].*not numbers"):
        hessian_vector_product(uk.TokenMeanLoss(broken, batches), vector(920))


def test_a_vector_that_is_not_finite_is_refused(loss):
    with pytest.raises(BadInput, match="vector has numbers that are not finite"):
        hessian_vector_product(loss, torch.full((920,), torch.inf))


def test_a_product_that_overflows_is_refused(loss):
    with pytest.raises(BadInput, match="product with its Hessian is not finite"):
        hessian_vector_product(loss, torch.full((920,), 1e38))


@pytest.mark.gpu
def test_on_a_gpu_eigenvalues_trace_and_spectrum_are_those_of_the_cpu(small, batches):
    there = copy.deepcopy(small).to("cuda")
    moved = [{name: tensor.to("cuda") for name, tensor in batch.items()} for batch in batches]
    here, there = uk.TokenMeanLoss(small, batches), uk.TokenMeanLoss(there, moved)
    pairs = [
        (uk.flatness.top_eigenvalues(here, k=2).values, uk.flatness.top_eigenvalues(there, k=2).values),
        (uk.flatness.trace(here, samples=3).estimate, uk.flatness.trace(there, samples=3).estimate),
        (uk.flatness.spectrum(here, steps=3).nodes[0][-1], uk.flatness.spectrum(there, steps=3).nodes[0][-1]),
    ]
    for one, other in pairs:
        assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-4)


def test_the_batches_here_are_ragged():
    assert len({int(batch["attention_mask"].sum()) for batch in make_batches()}) == len(LENGTHS)
