"""Models that nothing can be told of, or that cannot be moved by little: refused by whatever is asked."""

from __future__ import annotations

import copy
import inspect
import math

import pytest
import torch

from unlearnkit.displaced import displaced
from unlearnkit.errors import BadInput
from unlearnkit.flatness import (
    connectivity,
    hessian_vector_product,
    memory,
    sharpness,
    spectrum,
    surface,
    top_eigenvalues,
    trace,
)
from unlearnkit.flatness.pyhessian import PyHessian
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import tiny_llama

WEIGHTS = 196
ASKED = {
    "product": lambda loss: hessian_vector_product(loss, torch.ones(WEIGHTS)),
    "eigenvalues": lambda loss: top_eigenvalues(loss, 1),
    "trace": lambda loss: trace(loss, samples=2),
    "spectrum": lambda loss: spectrum(loss, runs=1, steps=2),
    "PyHessian": PyHessian,
    "sam": sharpness,
    "worst": lambda loss: sharpness(loss, kind="worst"),
    "average": lambda loss: sharpness(loss, kind="average"),
    "adaptive": lambda loss: sharpness(loss, kind="adaptive"),
    "surface": lambda loss: surface(loss, points=3),
    "connectivity": lambda loss: connectivity(loss, tiny_llama(1), loss.model),
}
CURVED = ("product", "eigenvalues", "trace", "spectrum", "PyHessian")
everything_asked = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)


def freeze(model):
    model.requires_grad_(False)


@torch.no_grad()
def lose_a_number(model):
    model.model.embed_tokens.weight[1, 1] = math.nan


@torch.no_grad()
def overflow(model):
    """Logits so large that the loss is infinite, by the norm before the head."""
    model.model.norm.weight[:] = 3e38


@everything_asked
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lose_a_number, r"nan\b.*look for weights that are not numbers"),
        (overflow, r"(inf|nan)\b.*look for weights that are not numbers"),
    ],
    ids=["NaN in a weight", "an infinite loss"],
)
def test_a_loss_that_is_no_number_is_refused_by_everything(ask, spoil, says, kit, untouched):
    spoil(kit.model)
    unchanged = untouched(kit.model)
    with pytest.raises(BadInput, match=says):
        ask(kit.loss)
    assert unchanged()


@pytest.mark.parametrize("name", [name for name in ASKED if name != "connectivity"])
def test_a_frozen_model_is_refused_by_all_that_look_around_it(name, kit, untouched):
    freeze(kit.model)
    unchanged = untouched(kit.model)
    loss = TokenMeanLoss(kit.model, kit.batches)
    with pytest.raises(BadInput, match="no parameter of the model requires gradients"):
        ASKED[name](loss)
    assert unchanged()


@pytest.mark.parametrize("name", CURVED)
def test_flash_attention_is_refused_where_it_would_be_left_out_of_the_curvature(name, kit, untouched):
    kit.model.config._attn_implementation = "flash_attention_2"
    unchanged = untouched(kit.model)
    with pytest.raises(BadInput, match=r'flash_attention_2, has no second derivative.*"eager" or "sdpa"'):
        ASKED[name](kit.loss)
    assert unchanged()


def test_a_model_on_two_devices_is_refused_with_their_names(kit):
    kit.model.model.norm.to("meta")
    with pytest.raises(BadInput, match=r"^model: .*on cpu, model\.norm\.weight on meta\).*model\.to\(\)"):
        TokenMeanLoss(kit.model, kit.batches)


@pytest.mark.parametrize("name", ["eigenvalues", "spectrum"])
def test_what_does_not_fit_into_memory_is_refused_with_both_numbers(name, kit, untouched, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2000)
    unchanged = untouched(kit.model)
    says = (
        r"vectors of 196 numbers would take [\d.]+ MB, but 0\.002 MB are free on cpu; give (a smaller|fewer)"
    )
    with pytest.raises(BadInput, match=says):
        ASKED[name](kit.loss)
    assert unchanged()


@pytest.mark.parametrize("ask", [top_eigenvalues, trace, spectrum])
def test_a_matrix_that_is_not_known_is_refused(ask, kit):
    if "matrix" not in inspect.signature(ask).parameters:
        pytest.skip("one matrix only")
    with pytest.raises(BadInput, match=r'^matrix: "fisher" is not known'):
        ask(kit.loss, matrix="fisher")


# Half precision: derivatives are taken of it, but it cannot be moved by little


MOVED = [name for name in ASKED if name not in CURVED]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", MOVED)
def test_half_precision_is_refused_by_what_moves_weights_before_a_pass(name, dtype, kit):
    half = kit.loss.with_model(copy.deepcopy(kit.model).to(dtype))
    passes = []
    half.model.register_forward_pre_hook(lambda *_: passes.append(1))
    says = rf"must be float32 or float64 to be moved, but one is {dtype}.*copy\.deepcopy\(model\)\.float\(\)"
    with pytest.raises(BadInput, match=says):
        ASKED[name](half)
    assert not passes


@pytest.mark.parametrize("name", MOVED)
def test_the_way_out_of_half_precision_leads_out(name, kit):
    half = copy.deepcopy(kit.model).bfloat16()
    ASKED[name](kit.loss.with_model(copy.deepcopy(half).float()))
    assert {weight.dtype for weight in half.parameters()} == {torch.bfloat16}


def test_why_a_small_step_of_half_precision_does_not_arrive(kit):
    """What the rule is about: nine in ten weights stay where they were, and a float32 copy moves them all."""
    half = copy.deepcopy(kit.model).bfloat16()
    moved = []
    for model in (half, copy.deepcopy(half).float()):
        weights = list(model.parameters())
        with torch.no_grad(), displaced(weights) as place:
            place.to((1e-5, [torch.ones_like(weight) for weight in weights]))
            moved.append(sum(int((a != b).sum()) for a, b in zip(weights, place.kept, strict=True)) / WEIGHTS)
    assert moved[0] < 0.1
    assert moved[1] == 1.0


@pytest.mark.parametrize("name", CURVED)
def test_curvature_of_half_precision_weights_is_taken(name, kit):
    ASKED[name](kit.loss.with_model(copy.deepcopy(kit.model).bfloat16()))
