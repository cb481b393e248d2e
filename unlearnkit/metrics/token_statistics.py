"""One pass over texts: how likely each token was, beside how likely the model's own choice would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.losses import NO_TARGET, predictions
from unlearnkit.testbeds.batches import collate, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded

ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class TokenStatistics:
    """One text under teacher forcing, one entry for each labelled token, in order.

    Attributes
    ----------
    log_probs : tuple of float
        Log-probability of the token that came, in nats.
    means, variances : tuple of float
        Mean (nats) and variance (nats squared) of the log-probability of a token drawn from the model's own
        prediction at that place. The mean is the negative entropy.
    """

    log_probs: tuple[float, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]


def joined(parts: Sequence[TokenStatistics]) -> TokenStatistics:
    """The statistics of a text from those of its pieces, in order."""
    names = ("log_probs", "means", "variances")
    return TokenStatistics(*(tuple(v for part in parts for v in getattr(part, name)) for name in names))


@torch.no_grad()
def token_statistics(
    model: Any,
    rows: Sequence[Encoded],
    *,
    pad_id: int,
    rows_at_once: int = ROWS_AT_ONCE,
    progress: bool = False,
) -> list[TokenStatistics]:
    """Score rows in batches, in the order of the rows.

    In float32 also for half-precision logits, in float64 for float64 ones. The model's mode is the caller's
    affair: see `metrics.evaluating`.
    """
    results: dict[int, TokenStatistics] = {}
    chunks = sorted_chunks(rows, rows_at_once)
    for chunk in tqdm(chunks, desc="texts", unit="batch", disable=not progress, leave=False):
        batch = collate([rows[i] for i in chunk], pad_id=pad_id, device=model.device)
        logits, targets = predictions(model, batch)
        asked = targets != NO_TARGET
        parts = _statistics(logits[asked], targets[asked])
        counts = asked.sum(dim=1).tolist()
        for i, *values in zip(chunk, *(part.split(counts) for part in parts), strict=True):
            results[i] = TokenStatistics(*(tuple(value.tolist()) for value in values))
    return [results[i] for i in range(len(rows))]


def _statistics(
    logits: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities, means and variances, each (targets,), of logits (targets, vocabulary)."""
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_probs = precise.log_softmax(dim=-1)
    given = log_probs.gather(1, targets[:, None]).squeeze(1)
    probs = log_probs.exp()
    possible = log_probs.masked_fill(probs == 0, 0.0)  # 0 · −∞ counts as 0
    means = (probs * possible).sum(dim=-1)
    variances = (probs * (possible - means[:, None]) ** 2).sum(dim=-1)
    return given.double().cpu(), means.double().cpu(), variances.double().cpu()
