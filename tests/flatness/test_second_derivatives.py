"""Operations that are differentiable once only: worked around, or refused, never left out in silence."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.flatness import Hessian, hessian_vector_product
from unlearnkit.flatness.second_derivatives import differentiable_twice, require_graph_without_end
from unlearnkit.losses import mean_nll

from .small import apart, make_llama, vector


def test_attention_by_sdpa_has_the_same_products(small, batches, loss):
    fused = copy.deepcopy(small)
    fused.config._attn_implementation = "sdpa"
    v = vector(920)
    product = hessian_vector_product(uk.TokenMeanLoss(fused, batches), v)
    assert apart(product, hessian_vector_product(loss, v)) < 1e-5


def test_without_the_plain_kernel_sdpa_has_no_second_derivative():
    model = make_llama(attention="sdpa")
    ids = torch.ones(1, 4, dtype=torch.long)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    gradient = torch.autograd.grad(mean_nll(model, batch), list(model.parameters()), create_graph=True)
    with pytest.raises(RuntimeError, match="derivative for"):
        torch.autograd.grad(sum(part.sum() for part in gradient), list(model.parameters()))
    assert hessian_vector_product(uk.TokenMeanLoss(model, [batch]), vector(920)).any()


class OnceOnly(torch.autograd.Function):
    """An operation as fast kernels have it: with one derivative."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return gradient * 2


def test_an_operation_without_a_second_derivative_is_refused_with_its_name(small, batches):
    model = copy.deepcopy(small)
    model.model.norm.forward = lambda x: OnceOnly.apply(x) * model.model.norm.weight
    loss = uk.TokenMeanLoss(model, batches)
    with pytest.raises(BadInput, match=r'differentiable once only.*attn_implementation="eager"'):
        hessian_vector_product(loss, vector(920))


def test_the_check_catches_what_autograd_leaves_out_in_silence(small):
    x = torch.randn(3, requires_grad=True)
    gradient = torch.autograd.grad(OnceOnly.apply(x).square().sum(), x, create_graph=True)
    (wrong,) = torch.autograd.grad(gradient[0].sum(), x, allow_unused=True, materialize_grads=True)
    assert not wrong.any()  # and is 8
    with pytest.raises(BadInput, match="differentiable once only"):
        require_graph_without_end(gradient)


@pytest.mark.parametrize("name", ["flash_attention_2", "flex_attention"])
def test_fused_attention_is_refused_by_its_name(small, batches, name):
    fused = copy.deepcopy(small)
    fused.config._attn_implementation_internal = name
    with pytest.raises(BadInput, match=f"{name}, has no second derivative"):
        Hessian(uk.TokenMeanLoss(fused, batches))


def test_torchs_own_error_becomes_a_named_one_and_others_pass():
    with (
        pytest.raises(BadInput, match=r"\(derivative for aten::x is not implemented\)"),
        differentiable_twice(),
    ):
        raise RuntimeError("derivative for aten::x is not implemented\nmore")
    with pytest.raises(RuntimeError, match="out of memory"), differentiable_twice():
        raise RuntimeError("out of memory")
