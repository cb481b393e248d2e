"""One teacher-forced pass: how likely each true token is, and whether greedy decoding picks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.losses import NO_TARGET, predictions
from unlearnkit.testbeds.batches import collate, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded

ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class Forced:
    """One row under teacher forcing.

    `nll`: summed negative log-likelihood of its targets in nats. `hits`: for each target token, the end
    token last, whether it is the most likely one after the true tokens before it. While all are, greedy
    decoding gives just these tokens.
    """

    nll: float
    hits: tuple[bool, ...]


@torch.no_grad()
def teacher_forced(
    model: Any, rows: Sequence[Encoded], *, pad_id: int, rows_at_once: int = ROWS_AT_ONCE
) -> list[Forced]:
    """Score rows in batches; the results are in the order of the rows."""
    results: dict[int, Forced] = {}
    for chunk in sorted_chunks(rows, rows_at_once):
        batch = collate([rows[i] for i in chunk], pad_id=pad_id, device=model.device)
        logits, targets = predictions(model, batch)
        asked = targets != NO_TARGET
        # Most positions are prompt or padding: the softmax over the vocabulary is for the others only.
        logits, targets = logits[asked].float(), targets[asked]
        nll = F.cross_entropy(logits, targets, reduction="none").double().cpu()
        hits = (logits.argmax(dim=-1) == targets).cpu()
        counts = asked.sum(dim=1).tolist()
        for i, losses, hit in zip(chunk, nll.split(counts), hits.split(counts), strict=True):
            results[i] = Forced(losses.sum().item(), tuple(hit.tolist()))
    return [results[i] for i in range(len(rows))]
