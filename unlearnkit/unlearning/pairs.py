"""Pairs of a forget and a retain batch, endlessly, from two independent shuffles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from unlearnkit.losses import sequence_nll
from unlearnkit.randomness import generator
from unlearnkit.testbeds.batches import Batch, collate, endless_chunks, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded

Pair = tuple[Batch, Batch]


def paired_batches(
    forget: Sequence[Encoded],
    retain: Sequence[Encoded],
    *,
    batch_size: int,
    seed: int,
    pad_id: int,
    device: torch.device,
    reference_nll: torch.Tensor | None = None,
) -> Iterator[Pair]:
    """Yield (forget batch, retain batch) without end.

    The two streams draw apart, so another retain set does not reorder the forget rows.
    `reference_nll`, (forget rows,), travels with the rows it belongs to.
    """
    forget_chunks = endless_chunks(forget, batch_size, generator(seed, "forget"))
    retain_chunks = endless_chunks(retain, batch_size, generator(seed, "retain"))
    for ours, kept in zip(forget_chunks, retain_chunks, strict=False):
        forget_batch = collate([forget[i] for i in ours], pad_id=pad_id, device=device)
        if reference_nll is not None:
            forget_batch["reference_nll"] = reference_nll[ours]
        yield forget_batch, collate([retain[i] for i in kept], pad_id=pad_id, device=device)


@torch.no_grad()
def reference_sums(model: Any, rows: Sequence[Encoded], *, batch_size: int, pad_id: int) -> torch.Tensor:
    """The model's summed negative log-likelihood of each row, taken once, without dropout: (rows,)."""
    training = model.training
    sums = torch.empty(len(rows), device=model.device)
    model.eval()
    for chunk in sorted_chunks(rows, batch_size):
        batch = collate([rows[i] for i in chunk], pad_id=pad_id, device=model.device)
        sums[chunk] = sequence_nll(model, batch)
    model.train(training)
    return sums
