"""What an objective asks of the reference model: taken once for all rows if it fits, else for each batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.objectives import Batch, RowsOf

KEPT_BYTES = 2**29  # 512 MiB a side, on the testbed's device; what needs more is taken anew for each batch

Ask = Callable[[Any, Batch], RowsOf]


class Reference:
    """What one term of an objective asks of the reference model, by the numbers of its rows.

    Parameters
    ----------
    ask : callable
        An objective's `forget_reference` or `retain_reference`.
    origin : the testbed's model, which never changes
        It answers batch by batch where not everything was kept, in its own precision: bfloat16 rounds what
        float32 would have said. No other copy is ever made.
    price : int
        Forward passes that asking takes, a batch.
    limit : int, optional
        Bytes that may be kept (`KEPT_BYTES`).

    Attributes
    ----------
    kept : list of mapping of str to Tensor
        For each row what was asked, once it was taken; else empty.
    passes : int
        Forward passes of the reference model so far, each over a batch of one side.
    """

    def __init__(self, ask: Ask, origin: Any, *, price: int = 1, limit: int | None = None) -> None:
        self.ask, self.origin, self.price = ask, origin, price
        self.limit = KEPT_BYTES if limit is None else limit
        self.kept: list[dict[str, torch.Tensor]] = []
        self.passes = 0

    def take(self, model: Any, chunks: Sequence[list[int]], batch_of: Callable[[list[int]], Batch]) -> None:
        """Ask for all rows, chunk by chunk, without dropout, if what is answered may be kept.

        `model` is the reference model still: whoever trains it has not begun. The longest chunk comes first,
        and shows how much all would be.
        """
        rows: dict[int, dict[str, torch.Tensor]] = {}
        total = sum(len(chunk) for chunk in chunks)
        with evaluating(model):
            for chunk in reversed(chunks):
                answers = self._ask(model, batch_of(chunk))
                if not rows and _size(answers) / len(chunk) * total > self.limit:
                    return
                for place, row in enumerate(chunk):
                    rows[row] = {key: of_rows[place] for key, of_rows in answers.items()}
        self.kept = [rows[row] for row in range(total)]

    def beside(self, rows: Sequence[int], batch: Batch) -> dict[str, torch.Tensor]:
        """What a batch of these rows carries of the reference model: the rows' answers one after another."""
        if self.kept:
            mine = [self.kept[row] for row in rows]
            return {key: torch.cat([answers[key] for answers in mine]) for key in mine[0]}
        with evaluating(self.origin):
            return {key: torch.cat(list(of_rows)) for key, of_rows in self._ask(self.origin, batch).items()}

    @torch.no_grad()
    def _ask(self, model: Any, batch: Batch) -> RowsOf:
        self.passes += self.price
        return self.ask(model, batch)


def _size(answers: RowsOf) -> int:
    """Bytes of what was answered."""
    return sum(part.numel() * part.element_size() for of_rows in answers.values() for part in of_rows)
