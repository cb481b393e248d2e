"""Encoded rows to padded batches, in order for measuring or shuffled for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from unlearnkit.errors import BadInput
from unlearnkit.testbeds.encoding import NO_TARGET, Encoded

Batch = dict[str, torch.Tensor]


def collate(rows: Sequence[Encoded], *, pad_id: int, device: torch.device | str = "cpu") -> Batch:
    """Pad rows on the right into one batch.

    Returns
    -------
    dict of Tensor
        `input_ids`, `attention_mask`, `labels`, each (batch, length); the mask comes from the
        lengths, never from the ids, so a pad id that equals another token does no harm.
    """
    length = max(len(row.input_ids) for row in rows)
    ids, mask, labels = [], [], []
    for row in rows:
        gap = length - len(row.input_ids)
        ids.append([*row.input_ids, *[pad_id] * gap])
        mask.append([1] * len(row.input_ids) + [0] * gap)
        labels.append([*row.labels, *[NO_TARGET] * gap])
    tensors = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: torch.tensor(value, device=device) for name, value in tensors.items()}


def sorted_chunks(rows: Sequence[Encoded], size: int) -> list[list[int]]:
    """Indices of rows in chunks of like length: little padding, for measuring only."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
    return [order[start : start + size] for start in range(0, len(order), size)]


def length_class(row: Encoded) -> int:
    """The power of two at or above the row's length: rows of one class share training batches."""
    return (len(row.input_ids) - 1).bit_length()


def shuffled_chunks(rows: Sequence[Encoded], size: int, generator: torch.Generator) -> list[list[int]]:
    """One epoch: every row once, in random batches of one length class, the batches in random order."""
    order = torch.randperm(len(rows), generator=generator).tolist()
    classes: dict[int, list[int]] = {}
    for index in order:
        classes.setdefault(length_class(rows[index]), []).append(index)
    chunks = [
        members[start : start + size]
        for _, members in sorted(classes.items())
        for start in range(0, len(members), size)
    ]
    places = torch.randperm(len(chunks), generator=generator).tolist()
    return [chunks[place] for place in places]


def endless_chunks(rows: Sequence[Encoded], size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """Epoch after epoch of `shuffled_chunks`.

    Raises
    ------
    BadInput
        Where there is no row: the first batch would never come.
    """
    if not rows:
        raise BadInput("rows: at least one is needed to make batches of, and there is none; give it a row")
    while True:
        yield from shuffled_chunks(rows, size, generator)
