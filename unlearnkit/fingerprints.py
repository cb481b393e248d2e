"""Hashes of what a result depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import torch


def weights_hash(model: Any) -> str:
    """A hash of every parameter's name, shape, dtype and bits."""
    return tensors_hash(model.named_parameters())


def tensors_hash(named: Iterable[tuple[str, torch.Tensor]]) -> str:
    """A hash of named tensors in order: names, shapes, dtypes and bits."""
    digest = hashlib.sha256()
    for name, tensor in named:
        flat = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(flat.shape)} {flat.dtype}".encode())
        digest.update(flat.view(-1).view(dtype_of_bytes(flat)).numpy().tobytes())
    return digest.hexdigest()


def dtype_of_bytes(tensor: torch.Tensor) -> torch.dtype:
    """The integer type of a tensor's width: NumPy has no bfloat16, but it has its bits."""
    return {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
