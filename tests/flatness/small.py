"""A model so small that its whole Hessian can be written down, and stand-ins that have only a matrix."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from transformers import LlamaConfig, LlamaForCausalLM

import unlearnkit as uk

LENGTHS = ((7, 4, 9), (12, 12), (3, 5))  # rows of each batch; all padded to their batch's longest


def make_batches(lengths=LENGTHS, vocabulary=16, seed=3):
    """Ragged rows of a rule with noise, padded with token 0; targets of every row after its second token."""
    source, batches = torch.Generator().manual_seed(seed), []
    for rows in lengths:
        ids = torch.zeros(len(rows), max(rows), dtype=torch.long)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
        for row, length in enumerate(rows):
            noise = torch.randint(0, 3, (length,), generator=source)
            ids[row, :length] = 1 + (torch.arange(length) * (row + 2) + noise) % (vocabulary - 1)
            mask[row, :length] = 1
            labels[row, 2:length] = ids[row, 2:length]
        batches.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return batches


def make_llama(*, hidden=8, seed=0, attention="eager", **changes):
    """A Llama of about 900 parameters with random weights of some size."""
    sizes = {"intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 16}
    config = LlamaConfig(hidden_size=hidden, **{**sizes, **changes})
    config._attn_implementation = attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape), alpha=0.5)
    return model


def trained(model, batches, steps=40):
    """The model after a little training, so that its loss is neither flat nor at random."""
    loss = uk.TokenMeanLoss(model, batches)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return model


def full_hessian(loss):
    """Every second derivative, a row each, by autograd over the loss itself; not by our products."""
    gradient = torch.autograd.grad(loss(), loss.weights, create_graph=True)
    flat = torch.cat([part.reshape(-1) for part in gradient])
    units = torch.eye(len(flat), dtype=flat.dtype)
    rows = torch.autograd.grad(flat, loss.weights, units, is_grads_batched=True)
    return torch.cat([part.flatten(1) for part in rows], dim=1)


def vector(size, seed=0, dtype=torch.float32):
    """A normal vector."""
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def apart(one, other):
    """The distance of two vectors as a share of the second's length."""
    return float((one.double() - other.double()).norm() / other.double().norm())


class Dense:
    """A matrix that is known, in the place of a Hessian."""

    name = "matrix"

    def __init__(self, matrix):
        self.matrix = torch.as_tensor(matrix)
        self.size, self.products = len(self.matrix), 0
        self.dtype, self.device = self.matrix.dtype, self.matrix.device

    def __matmul__(self, vector):
        self.products += 1
        return self.matrix @ vector

    @contextmanager
    def cached(self, *, beside=0):
        yield self
