"""Batches of a toy."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session")
def toy_batches():
    """Two small batches of whatever tokens."""
    source = torch.Generator().manual_seed(0)
    batches = []
    for rows, length in ((3, 6), (2, 8)):
        ids = torch.randint(5, 60, (rows, length), generator=source)
        batches.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()})
    return batches
