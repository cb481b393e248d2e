"""True double: derivatives agree with differences to nine digits, which a plain `.double()` does not give."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.precision import true_double

SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
KINDS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**SMALL, intermediate_size=24, tie_word_embeddings=True)),
    "neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**SMALL, intermediate_size=24)),
    "gpt2": (GPT2LMHeadModel, GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2)),
    "gpt2 upcast": (
        GPT2LMHeadModel,
        GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, reorder_and_upcast_attn=True),
    ),
}
every = pytest.mark.parametrize("kind", KINDS)


def make(kind, attention="eager"):
    """A model with random weights of some size, in float32."""
    family, config = KINDS[kind]
    config = copy.deepcopy(config)
    config._attn_implementation = attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = family(config).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape), alpha=0.2)
    return model


@pytest.fixture(scope="module")
def batch():
    source = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 40, (2, 7), generator=source)
    mask, labels = torch.ones_like(ids), ids.clone()
    mask[1, 5:], labels[1, 5:] = 0, -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def direction(model):
    source = torch.Generator().manual_seed(2)
    return [torch.randn(w.shape, generator=source, dtype=torch.float64) for w in model.parameters()]


@torch.no_grad()
def loss_at(model, batch, u, way):
    """The loss a step along u, the weights put back."""
    kept = [weight.clone() for weight in model.parameters()]
    for weight, part in zip(model.parameters(), u, strict=True):
        weight.add_(part, alpha=way)
    loss = mean_nll(model, batch)
    for weight, copied in zip(model.parameters(), kept, strict=True):
        weight.copy_(copied)
    assert loss.dtype == torch.float64
    return float(loss)


def extrapolated(difference, step, levels=4):
    """Richardson: what differences at step, 2 step, 4 step … tend to, for an error in even powers."""
    found = [difference(step * 2**level) for level in range(levels)]
    for order in range(1, levels):
        found = [(4**order * near - far) / (4**order - 1) for near, far in pairwise(found)]
    return found[0]


def slope_error(model, batch, step=1e-4):
    """Relative: central differences against the gradient."""
    u = direction(model)
    gradient = torch.autograd.grad(mean_nll(model, batch), list(model.parameters()))
    exact = float(sum((g.double() * part).sum() for g, part in zip(gradient, u, strict=True)))

    def central(way):
        return (loss_at(model, batch, u, way) - loss_at(model, batch, u, -way)) / (2 * way)

    return abs(extrapolated(central, step) / exact - 1)


def curvature_error(model, batch, step=5e-4):
    """Relative: second differences against u'Hu."""
    u, weights = direction(model), list(model.parameters())
    gradient = torch.autograd.grad(mean_nll(model, batch), weights, create_graph=True)
    along = sum((g * part).sum() for g, part in zip(gradient, u, strict=True))
    product = torch.autograd.grad(along, weights)
    exact = float(sum((p * part).sum() for p, part in zip(product, u, strict=True)))
    here = loss_at(model, batch, u, 0.0)

    def second(way):
        return (loss_at(model, batch, u, way) + loss_at(model, batch, u, -way) - 2 * here) / way**2

    return abs(extrapolated(second, step) / exact - 1)


@every
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_slopes_agree_with_autograd_to_nine_digits(kind, attention, batch):
    with true_double(make(kind, attention)) as double:
        assert slope_error(double, batch) < 1e-9


@every
def test_second_differences_agree_with_autograd_to_nine_digits(kind, batch):
    with true_double(make(kind)) as double:
        assert curvature_error(double, batch) < 1e-9


@pytest.mark.parametrize("kind", ["llama", "neox"])
def test_the_check_catches_a_model_that_is_only_converted(kind, batch):
    plain = make(kind).double()
    assert slope_error(plain, batch) > 1e-8
    assert curvature_error(plain, batch) > 1e-3


@every
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_nothing_is_computed_in_less(kind, attention, batch):
    made = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            for value in result if isinstance(result, tuple | list) else [result]:
                # 0-dimensional ones are constants, such as a scale
                if isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim():
                    made.add(value.dtype)
            return result

    with true_double(make(kind, attention)) as double, Watch():
        mean_nll(double, batch).backward()
    assert made == {torch.float64}


@every
def test_a_weight_moved_by_1e_12_moves_the_logits_in_proportion(kind, batch):
    with true_double(make(kind)) as double, torch.no_grad():
        weight = next(w for w in double.parameters() if w.dim() == 1)
        before, moved = weight.clone(), {}
        start = double(input_ids=batch["input_ids"]).logits
        for way in (1e-12, 1e-10):
            weight.copy_(before + way)
            moved[way] = double(input_ids=batch["input_ids"]).logits - start
        assert moved[1e-10].abs().max() > 1e-11
        assert (moved[1e-12] - moved[1e-10] / 100).abs().max() < 1e-2 * moved[1e-12].abs().max()


@pytest.mark.parametrize("kind", ["llama", "neox"])
def test_an_autocast_around_it_changes_no_bit(kind, batch):
    with true_double(make(kind)) as double:
        plain = mean_nll(double, batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(mean_nll(double, batch), plain)


def test_the_model_stays_as_it_is_and_so_does_torch(batch):
    model = make("llama").train()
    mean_nll(model, batch).backward()
    before = {name: (weight.clone(), weight.grad.clone()) for name, weight in model.named_parameters()}
    with pytest.raises(KeyboardInterrupt), uk.true_double(model) as double:
        assert double.training
        assert double.lm_head.weight is double.model.embed_tokens.weight
        assert all(weight.grad is None for weight in double.parameters())
        mean_nll(double, batch).backward()
        raise KeyboardInterrupt
    for name, weight in model.named_parameters():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, before[name][0])
        assert torch.equal(weight.grad, before[name][1])
    assert torch.ones(1, dtype=torch.float64).float().dtype == torch.float32
    assert mean_nll(model, batch).dtype == torch.float32


def test_a_half_precision_model_keeps_the_weights_that_it_rounded_to(batch):
    model = make("llama").bfloat16()
    with true_double(model) as double:
        for own, copied in zip(model.parameters(), double.parameters(), strict=True):
            assert copied.dtype == torch.float64
            assert torch.equal(own.double(), copied)
        assert slope_error(double, batch) < 1e-9


@pytest.mark.parametrize(
    ("given", "said"),
    [("model", "needs a torch.nn.Module, but got a str"), (None, "weight is of torch.int8")],
)
def test_what_has_no_float64_copy_is_refused(given, said):
    quantized = torch.nn.Linear(2, 2)
    quantized.weight = torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.int8), requires_grad=False)
    model = given or quantized
    with pytest.raises(BadInput, match=said), true_double(model):
        pass
