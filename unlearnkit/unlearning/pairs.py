"""Pairs of a forget and a retain batch, endlessly, from two independent shuffles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from unlearnkit.randomness import generator
from unlearnkit.testbeds.batches import Batch, collate, endless_chunks
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.unlearning.reference import Reference

Pair = tuple[Batch, Batch]


@dataclass(frozen=True)
class Side:
    """The rows of one side, and what their batches carry beside them.

    Attributes
    ----------
    rows : sequence of Encoded
    pad_id : int
    device : torch.device
    refusals : sequence of Encoded
        One a row, or none at all.
    reference : Reference, optional
    """

    rows: Sequence[Encoded]
    pad_id: int
    device: torch.device
    refusals: Sequence[Encoded] = ()
    reference: Reference | None = None

    def asked(self, chunk: Sequence[int]) -> Batch:
        """The rows of these numbers, with their refusals: what the reference model is shown."""
        batch = collate([self.rows[i] for i in chunk], pad_id=self.pad_id, device=self.device)
        if self.refusals:
            refused = collate([self.refusals[i] for i in chunk], pad_id=self.pad_id, device=self.device)
            batch |= {f"refusal_{name}": tensor for name, tensor in refused.items()}
        return batch

    def batch(self, chunk: Sequence[int]) -> Batch:
        """The rows of these numbers, with all that is carried beside them."""
        batch = self.asked(chunk)
        return batch if self.reference is None else batch | self.reference.beside(chunk, batch)


def paired_batches(forget: Side, retain: Side, *, batch_size: int, seed: int) -> Iterator[Pair]:
    """Yield (forget batch, retain batch) without end.

    The two streams draw apart, so another retain set does not reorder the forget rows.
    """
    forget_chunks = endless_chunks(forget.rows, batch_size, generator(seed, "forget"))
    retain_chunks = endless_chunks(retain.rows, batch_size, generator(seed, "retain"))
    for ours, kept in zip(forget_chunks, retain_chunks, strict=False):
        yield forget.batch(ours), retain.batch(kept)
