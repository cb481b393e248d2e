"""Other values in the place of parameters: whatever a model reads, and nothing else."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from unlearnkit.optim.substitution import Substituted

SIZES = {"vocab_size": 11, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
MODELS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, intermediate_size=12, num_key_value_heads=1)),
    "tied llama": lambda: LlamaForCausalLM(
        LlamaConfig(**SIZES, intermediate_size=12, tie_word_embeddings=True, attention_bias=True)
    ),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=11, n_embd=8, n_layer=2, n_head=2, n_positions=16, bos_token_id=0,
                   eos_token_id=0)
    ),
    "neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES, intermediate_size=12)),
}  # fmt: skip
TOKENS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])


def language_model(name, attention="sdpa"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODELS[name]().eval().double()
    model.set_attn_implementation(attention)
    return model


def loss_of(model):
    return model(input_ids=TOKENS, labels=TOKENS, attention_mask=torch.ones_like(TOKENS)).loss


def moved(model):
    """A copy of a model with other weights, all of them; and those of the original by which they stand."""
    draw, other = torch.Generator().manual_seed(1), copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(torch.randn(weight.shape, generator=draw, dtype=weight.dtype), alpha=0.05)
    return other, dict(zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", MODELS)
def test_a_language_model_reads_the_values_and_keeps_its_weights(name, attention):
    model = language_model(name, attention)
    before = copy.deepcopy(model.state_dict())
    other, values = moved(model)
    with torch.no_grad(), Substituted(values) as mode:
        found = loss_of(model)
    assert found.item() == loss_of(other).item() != loss_of(model).item()
    assert mode.met == {id(weight) for weight in model.parameters()}
    assert all(torch.equal(weight, before[key]) for key, weight in model.state_dict().items())


@pytest.mark.parametrize("name", MODELS)
def test_gradients_reach_the_leaves_behind_the_values_and_not_the_weights(name):
    model = language_model(name)
    other, values = moved(model)
    shifts = {weight: torch.zeros_like(weight, requires_grad=True) for weight in model.parameters()}
    with Substituted({w: lambda w=w: values[w].detach() + shifts[w] for w in shifts}):
        loss_of(model).backward()
    loss_of(other).backward()
    for weight, shift in shifts.items():
        torch.testing.assert_close(shift.grad, values[weight].grad)
        assert weight.grad is None


def test_parameters_are_found_in_keywords_lists_and_tuples():
    weight, value = torch.nn.Parameter(torch.zeros(2)), torch.tensor([1.0, 2.0])
    with Substituted({weight: value}):
        assert torch.add(input=torch.ones(2), other=weight).tolist() == [2.0, 3.0]
        assert torch.cat([weight, torch.zeros(1)]).tolist() == [1.0, 2.0, 0.0]
        assert torch.stack((weight, weight)).sum().item() == 6.0
        assert (2 * weight).tolist() == [2.0, 4.0]
        assert weight[1].item() == 2.0
        assert weight.tolist() == [1.0, 2.0]
        assert [sum_.item() for sum_ in torch._foreach_add([weight], 1.0)[0]] == [2.0, 3.0]
    assert weight.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("getter", ["T", "mT", "data"])
def test_getters_that_read_numbers_give_the_value(getter):
    weight, value = torch.nn.Parameter(torch.zeros(2, 3)), torch.arange(6.0).reshape(2, 3)
    with Substituted({weight: value}):
        assert torch.equal(getattr(weight, getter), getattr(value, getter))


def test_what_asks_about_a_parameter_is_answered_by_itself_and_makes_no_value():
    weight, made = torch.nn.Parameter(torch.zeros(2, 3)), []
    with Substituted({weight: lambda: made.append(1) or torch.ones(2, 3)}) as mode:
        assert weight.shape == weight.size() == (2, 3)
        assert (weight.dtype, weight.device, weight.dim(), weight.ndim) == (
            torch.float32, torch.device("cpu"), 2, 2,
        )  # fmt: skip
        assert weight.requires_grad
        assert weight.is_leaf
        assert weight.is_floating_point()
        assert (weight.numel(), len(weight), weight.grad) == (6, 2, None)
        assert hash(weight) == id(weight)
        weight.grad = torch.ones(2, 3)
    assert weight.grad.sum() == 6
    assert not made
    assert not mode.met


def test_a_callable_is_called_anew_at_each_use_and_once_a_call():
    weight, made = torch.nn.Parameter(torch.zeros(2)), []
    with Substituted({weight: lambda: made.append(1) or torch.ones(2)}):
        torch.stack([weight, weight])
        assert len(made) == 1
        weight.sum()
        assert len(made) == 2


def test_a_value_may_be_made_from_the_parameter_itself():
    weight = torch.nn.Parameter(torch.ones(2))
    with Substituted({weight: lambda: weight + 1}):
        assert weight.tolist() == [2.0, 2.0]
        with Substituted({weight: lambda: weight * 10}):  # the inner one makes its value from the outer one's
            assert weight.tolist() == [20.0, 20.0]
        assert weight.tolist() == [2.0, 2.0]
    assert weight.tolist() == [1.0, 1.0]


def test_it_ends_with_its_block_also_when_that_raises():
    weight = torch.nn.Parameter(torch.zeros(2))
    with pytest.raises(KeyboardInterrupt), Substituted({weight: torch.ones(2)}):
        raise KeyboardInterrupt
    assert weight.sum() == 0


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.LSTM(3, 4),
        torch.nn.MultiheadAttention(4, 2),
        torch.nn.Conv1d(3, 4, 2),
        torch.nn.EmbeddingBag(5, 3),
        torch.nn.TransformerEncoderLayer(4, 2, 5),
        torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 4)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_torchs_own_layers_read_the_values(layer):
    layer = copy.deepcopy(layer).eval()
    other, values = moved(layer)
    given = {
        "LSTM": (torch.ones(2, 3),), "MultiheadAttention": (torch.ones(2, 4),) * 3,
        "Conv1d": (torch.ones(3, 5),), "EmbeddingBag": (torch.tensor([[0, 1], [2, 3]]),),
        "TransformerEncoderLayer": (torch.ones(2, 1, 4),), "ParametrizedLinear": (torch.ones(3),),
    }[type(layer).__name__]  # fmt: skip

    def first(output):
        return output[0] if isinstance(output, tuple) else output

    with torch.no_grad():
        with Substituted(values) as mode:
            found = first(layer(*given))
        assert torch.equal(found, first(other(*given)))
        assert not torch.equal(found, first(layer(*given)))
    assert len(mode.met) == len(values)


def test_functions_of_other_tensors_are_left_alone():
    weight, other = torch.nn.Parameter(torch.zeros(2)), torch.ones(2)
    with Substituted({weight: torch.full((2,), 7.0)}):
        assert F.relu(other).tolist() == [1.0, 1.0]
