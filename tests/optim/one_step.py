"""Any optimizer of the catalogue, made and stepped in the same way, on weights that each of them takes."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import unlearnkit as uk

from .whole import whole_closure

NAMES = list(uk.optim.catalogue().name)
FIRST_ORDER = list(uk.optim.catalogue().query("needs_closure == False").name)
LR = 0.01


def matrix(seed=0):
    """A weight matrix, as every layer has: some optimizers take no vectors."""
    return torch.nn.Parameter(torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)))


def make(name, weights, **options):
    """An optimizer at its beginning; a hybrid changes its block at every step."""
    shorter = {"block": 1} if name.startswith("hybrid") else {}
    return uk.optim.create(name, weights, **{"lr": LR, **shorter, **options})


def bowl(*weights):
    """A loss with a slope everywhere and of another one in every coordinate."""
    return sum(
        (weight.square() * (1 + torch.arange(weight.numel()).view_as(weight))).sum() for weight in weights
    )


def take_step(optimizer, loss_of):
    """One step of either kind, as the loop takes it."""
    if optimizer.needs_closure == "loss":
        return optimizer.step(whole_closure(loss_of))
    optimizer.zero_grad()
    loss_of().backward()
    return optimizer.step()


def tiny_llama():
    """A Llama of some two thousand random weights, its embedding tied to its head."""
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, tie_word_embeddings=True, bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(config)
