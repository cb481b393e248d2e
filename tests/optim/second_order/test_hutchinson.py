"""Hutchinson's estimate against the exact Hessian, and on models whose attention has a fast kernel."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from unlearnkit.errors import WrongClosure
from unlearnkit.optim.second_order.hutchinson import hutchinson, signs

DRAWS = 1000


def network():
    """A small network in float64: its loss, its weights, and the exact Hessian."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(3, 2), (3,), (3,)]
    weights = [
        torch.nn.Parameter(torch.randn(s, generator=draw, dtype=torch.float64).requires_grad_())
        for s in shapes
    ]
    x, y = torch.randn(8, 2, generator=draw, dtype=torch.float64), torch.linspace(-1, 1, 8).double()

    def loss(w, b, v):
        return ((torch.tanh(x @ w.T + b) @ v - y) ** 2).mean()

    blocks = torch.autograd.functional.hessian(loss, tuple(weights))
    sizes = [w.numel() for w in weights]
    rows = [
        [block.reshape(m, n) for block, n in zip(r, sizes, strict=True)]
        for r, m in zip(blocks, sizes, strict=True)
    ]
    return partial(loss, *weights), weights, torch.cat([torch.cat(row, dim=1) for row in rows]).numpy()


@pytest.fixture(scope="module")
def drawn():
    """Estimates for many steps of one seed, one a row, and the exact Hessian."""
    loss, weights, hessian = network()
    rows = [hutchinson(loss, weights, seed=0, step=step, name="here")[2] for step in range(DRAWS)]
    return np.array([torch.cat([part.flatten() for part in row]).numpy() for row in rows]), hessian


def test_its_mean_is_the_exact_diagonal(drawn):
    estimates, hessian = drawn
    error = estimates.std(axis=0, ddof=1) / DRAWS**0.5
    assert (np.abs(estimates.mean(axis=0) - np.diag(hessian)) < 4 * error).all()
    assert (np.diag(hessian) < 0).any()  # or a wrong |.| would pass


def test_its_variance_is_what_couples_a_weight_to_the_others(drawn):
    # with signs it is the sum of H_ij squared over j != i; Gaussian draws would add 2 H_ii squared
    estimates, hessian = drawn
    squares = (hessian**2).sum(axis=1)
    np.testing.assert_allclose(estimates.var(axis=0, ddof=1), squares - np.diag(hessian) ** 2, rtol=0.2)


def test_the_check_catches_a_product_that_is_not_multiplied_by_its_signs(drawn):
    estimates, hessian = drawn
    places = network()[1]
    u = [torch.cat([p.flatten() for p in signs(places, seed=0, step=s)]).numpy() for s in range(DRAWS)]
    forgotten = estimates * np.array(u)  # u (H u), times u again: H u
    error = forgotten.std(axis=0, ddof=1) / DRAWS**0.5
    assert (np.abs(forgotten.mean(axis=0) - np.diag(hessian)) > 4 * error).any()


def test_signs_are_ones_drawn_apart_for_every_weight_step_and_seed():
    weights = [torch.zeros(3000), torch.zeros(3000)]
    one, other = signs(weights, seed=0, step=0)
    later, elsewhere = signs(weights, seed=0, step=1)[0], signs(weights, seed=1, step=0)[0]
    assert set(one.tolist()) == {1.0, -1.0}
    assert torch.equal(one, signs(weights, seed=0, step=0)[0])
    for pair in ((one, other), (one, later), (one, elsewhere), (one, torch.ones(3000))):
        assert abs(torch.dot(*pair).item()) < 4 * 3000**0.5


def test_loss_and_gradient_are_the_closures_own():
    loss, weights, _ = network()
    value, gradient, _ = hutchinson(loss, weights, seed=0, step=0, name="here")
    expected = torch.autograd.grad(loss(), weights)
    assert value.item() == loss().item()
    assert all(torch.equal(*pair) for pair in zip(gradient, expected, strict=True))
    assert not any(part.requires_grad for part in (value, *gradient))
    assert all(weight.grad is None for weight in weights)


def test_what_does_not_bend_has_no_curvature():
    bent, straight, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    for loss in (lambda: bent.pow(2).sum() + straight.sum(), lambda: 3 * straight.sum()):
        diagonal = hutchinson(loss, [bent, straight, unused], seed=0, step=0, name="here")[2]
        assert [part.tolist() for part in diagonal[1:]] == [[0.0, 0.0], [0.0, 0.0]]


def llama_loss(model, tokenizer):
    ids = torch.tensor([tokenizer("The capital of Chad is").input_ids])
    return lambda: model(input_ids=ids, labels=ids).loss


def test_it_differentiates_a_model_with_sdpa_twice(make_llama, tokenizer):
    diagonals = []
    for attention in ("sdpa", "eager"):
        model = make_llama(0)
        model.set_attn_implementation(attention)
        assert model.config._attn_implementation == attention
        weights = list(model.parameters())
        found = hutchinson(llama_loss(model, tokenizer), weights, seed=0, step=0, name="here")[2]
        diagonals.append(torch.cat([part.flatten() for part in found]))
    torch.testing.assert_close(*diagonals, rtol=1e-3, atol=1e-5)
    assert diagonals[0].abs().mean() > 1e-3


def test_without_the_plain_attention_kernel_it_could_not(make_llama, tokenizer):
    model = make_llama(0)
    weights = list(model.parameters())
    gradient = torch.autograd.grad(llama_loss(model, tokenizer)(), weights, create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        torch.autograd.grad(gradient, weights, grad_outputs=[torch.ones_like(w) for w in weights])


def test_the_choice_of_kernels_is_given_back():
    def kernels():
        return torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.mem_efficient_sdp_enabled()

    before, weight = kernels(), torch.nn.Parameter(torch.ones(1))
    inside = []
    hutchinson(lambda: inside.append(kernels()) or weight.sum(), [weight], seed=0, step=0, name="here")
    with pytest.raises(WrongClosure):
        hutchinson(None, [weight], seed=0, step=0, name="here")
    assert inside == [(False, False)]
    assert kernels() == before == (True, True)
