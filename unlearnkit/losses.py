"""The negative log-likelihood of a causal language model, by token, by sequence and on average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

NO_TARGET = -100


def predictions(model: Any, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits of every next token, and the token that came.

    Parameters
    ----------
    model : a Hugging Face causal language model
    batch : mapping with `input_ids`, `attention_mask`, `labels`, each (batch, length)
        Labels are unshifted; -100 marks positions without a target.

    Returns
    -------
    logits : Tensor (batch, length - 1, vocabulary)
    targets : Tensor of int (batch, length - 1)
    """
    return _logits(model, batch)[:, :-1], batch["labels"][:, 1:]


def _logits(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)
    logits: torch.Tensor = output.logits
    return logits


def nll_of(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each target in nats, 0 where there is none: (batch, length).

    In float32, also for half-precision logits; in float64 for float64 ones.
    """
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    nll = F.cross_entropy(precise.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="none")
    return nll.view(targets.shape)


def token_nll(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Negative log-likelihood of each target in nats: (batch, length - 1); see `predictions`."""
    return nll_of(*predictions(model, batch))


def target_logits(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The logits at the places whose next token is a target, row after row: (targets, vocabulary).

    In float32, also for a half-precision model; in float64 for a float64 one.
    """
    logits = _logits(model, batch).flatten(0, 1).index_select(0, _places(batch))
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def target_nll(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Negative log-likelihood of the targets alone, in nats, row after row: (targets,).

    Where there is no target, no softmax over the vocabulary is taken: much of a padded batch's time.
    """
    targets = _following(batch)[_places(batch)]
    return nll_of(target_logits(model, batch)[None], targets[None])[0]


def _following(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The label after each place of the flattened batch."""
    return F.pad(batch["labels"][:, 1:], (0, 1), value=NO_TARGET).flatten()


def _places(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The places of the flattened batch that have a target after them."""
    return (_following(batch) != NO_TARGET).nonzero().squeeze(1)


def sequence_nll(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Summed negative log-likelihood of each sequence's targets, in nats: (batch,)."""
    return token_nll(model, batch).sum(dim=1)


def mean_nll(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Mean negative log-likelihood over all targets of the batch, in nats a token: a scalar."""
    targets = batch["labels"][:, 1:]
    return token_nll(model, batch).sum() / (targets != NO_TARGET).sum()


def sampled_nll(
    model: Any, batch: Mapping[str, torch.Tensor], source: torch.Generator
) -> tuple[torch.Tensor, int]:
    """Summed negative log-likelihood, in nats, of labels drawn from the model's predictions; their count.

    Labels are drawn where the batch has targets. What they were drawn from is not differentiated: the
    gradient's second moment is the Gauss-Newton matrix (Sophia, 2305.14342, Algorithm 2).
    """
    logits, targets = predictions(model, batch)
    chosen = logits[targets != NO_TARGET].float()
    drawn = torch.multinomial(chosen.detach().softmax(dim=-1).to(source.device), 1, generator=source)
    return F.cross_entropy(chosen, drawn.squeeze(1).to(chosen.device), reduction="sum"), len(chosen)
