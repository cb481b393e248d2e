"""Models so small that their whole Hessian can be written down, and the Hessian itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from unlearnkit.displaced import flatten
from unlearnkit.token_mean_loss import TokenMeanLoss

VOCABULARY = 12


def tiny_llama(seed: int = 0, **changes) -> LlamaForCausalLM:
    """About 200 weights in one layer, moved away from where Llama starts: there it is all but constant."""
    sizes = {
        "vocab_size": VOCABULARY, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "tie_word_embeddings": True,
        "attn_implementation": "eager",
    }  # fmt: skip
    return _shaken(lambda: LlamaForCausalLM(LlamaConfig(**{**sizes, **changes})), seed)


def tiny_gpt2(seed: int = 0) -> GPT2LMHeadModel:
    """A GPT-2, whose matrices are Conv1D: stored (in, out)."""
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=12, n_embd=4, n_layer=1, n_head=2, n_inner=6,
        attn_implementation="eager",
    )  # fmt: skip
    return _shaken(lambda: GPT2LMHeadModel(config), seed)


def _shaken(make, seed: int):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make().eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape), alpha=0.3)
    return model


def ragged_batches() -> list[dict[str, torch.Tensor]]:
    """Two padded batches, of three and two rows, with unlike numbers of targets: 14 and 5."""
    return [_batch((7, 6, 4), 1), _batch((3, 5), 2)]


def _batch(lengths: tuple[int, ...], seed: int) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, VOCABULARY, (len(lengths), max(lengths)), generator=source)
    mask = torch.stack([torch.arange(max(lengths)) < length for length in lengths]).long()
    labels = ids.masked_fill(mask == 0, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def trained_llama() -> LlamaForCausalLM:
    """A model of its own that has learned the ragged batches: 0.25 nats a token."""
    return copy.deepcopy(_trained())


@cache
def _trained() -> LlamaForCausalLM:
    model = tiny_llama()
    loss = TokenMeanLoss(model, ragged_batches())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    optimizer.zero_grad()
    return model


def whole_hessian(loss: TokenMeanLoss) -> torch.Tensor:
    """Every second derivative, by autograd a row at a time over the loss as it is called; (size, size)."""
    slopes = flatten(torch.autograd.grad(loss(), loss.weights, create_graph=True))
    rows = torch.autograd.grad(
        slopes, loss.weights, torch.eye(len(slopes), dtype=slopes.dtype), is_grads_batched=True
    )
    return torch.cat([row.flatten(1) for row in rows], dim=1)


def slopes_of(loss: TokenMeanLoss) -> torch.Tensor:
    """The gradient, flat, by autograd."""
    return flatten(torch.autograd.grad(loss(), loss.weights))


def values_at(loss: TokenMeanLoss, steps: list[torch.Tensor]) -> list[float]:
    """The loss with a flat step added to the weights, for each step, by torch's own functional call."""
    names = [name for name, weight in loss.model.named_parameters() if weight.requires_grad]
    found = []
    for step in steps:
        parts = step.split([weight.numel() for weight in loss.weights])
        moved = {
            name: weight.detach() + part.view_as(weight)
            for name, weight, part in zip(names, loss.weights, parts, strict=True)
        }
        total = 0.0
        for batch in loss.batches:
            given = {key: batch[key] for key in ("input_ids", "attention_mask")}
            with torch.no_grad():
                logits = torch.func.functional_call(loss.model, moved, kwargs=given, tie_weights=True).logits
            total += torch.nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum"
            ).item()
        found.append(total / loss.tokens)
    return found


def everything(model) -> tuple:
    """What a caller could notice: bits, gradients, modes, what requires gradients."""
    return (
        [(name, weight.detach().clone(), weight.requires_grad) for name, weight in model.named_parameters()],
        [weight.grad if weight.grad is None else weight.grad.clone() for weight in model.parameters()],
        [module.training for module in model.modules()],
    )


def same(before: tuple, after: tuple) -> bool:
    """Whether two such are equal to the bit."""
    weights = all(
        a[0] == b[0] and torch.equal(a[1], b[1]) and a[2] == b[2]
        for a, b in zip(before[0], after[0], strict=True)
    )
    grads = all(
        (a is None) == (b is None) and (a is None or torch.equal(a, b))
        for a, b in zip(before[1], after[1], strict=True)
    )
    return weights and grads and before[2] == after[2]


def rescale_value_output_(model, factors: tuple[float, ...]):
    """Multiply each head's rows of v_proj and divide its columns of o_proj, in place: the same function."""
    for layer in model.model.layers:
        value, output = layer.self_attn.v_proj.weight, layer.self_attn.o_proj.weight
        each = torch.tensor(factors, dtype=value.dtype).repeat_interleave(len(value) // len(factors))
        with torch.no_grad():
            value.mul_(each[:, None])
            output.div_(each[None])
    return model


@contextmanager
def failing(model, error: BaseException, at: int) -> Iterator[list[int]]:
    """The model's forward pass of that number raises; gives the count of passes."""
    passes = [0]

    def count(*_) -> None:
        passes[0] += 1
        if passes[0] == at:
            raise error

    handle = model.register_forward_pre_hook(count)
    try:
        yield passes
    finally:
        handle.remove()


class Formula(TokenMeanLoss):
    """A loss that is a function of one vector, in closed form; `Formula(function, start)`."""

    def __init__(self, function, start) -> None:
        self.function = function
        self.model = start if isinstance(start, torch.nn.Module) else _Vector(start)
        self.batches, self.tokens = [{}], 1

    def batch_sum(self, index: int) -> torch.Tensor:
        return self.function(self.model.vector)

    def with_model(self, model) -> Formula:
        return Formula(self.function, model)


class _Vector(torch.nn.Module):
    def __init__(self, start) -> None:
        super().__init__()
        self.vector = torch.nn.Parameter(torch.as_tensor(start, dtype=torch.float64).clone())
