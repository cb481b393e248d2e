"""What must be kept: likely answers ("nll"), or the predictions as they were ("kl")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.errors import MissingReference
from unlearnkit.losses import NO_TARGET, mean_nll, target_logits

Batch = Mapping[str, torch.Tensor]
RowsOf = Mapping[str, Sequence[torch.Tensor]]
LOG_PROBS = "reference_log_probs"


@dataclass(frozen=True)
class RetainTerm:
    """A loss of a retain batch, what it needs of the reference model, and how that is taken."""

    term: Callable[[Any, Batch], torch.Tensor]
    reference: Callable[[Any, Batch], RowsOf]
    keys: tuple[str, ...] = ()


def nothing_kept(model: Any) -> torch.Tensor:
    """The retain term where nothing is asked to be kept: 0, with a gradient of 0, and no forward pass.

    Of a model whose weights are all frozen: 0.
    """
    weight = max(model.parameters(), key=lambda weight: weight.requires_grad)  # the first that moves, if any
    nothing: torch.Tensor = 0.0 * weight.flatten()[0]
    return nothing


def kl_from_reference(model: Any, batch: Batch) -> torch.Tensor:
    """KL(reference || model), averaged over the batch's targets, in nats: a scalar.

    Prompt and padding do not count, and both sides are log-softmaxes in float32: open-unlearning averages
    over all positions, MUSE's code gives raw logits to a divergence of log-probabilities.

    Parameters
    ----------
    batch : mapping
        With `reference_log_probs`, (targets, vocabulary), row after row.
    """
    if LOG_PROBS not in batch:
        raise MissingReference(
            f'retain="kl" needs the reference model\'s predictions: the batch must carry "{LOG_PROBS}", as '
            "unlearn() gives it"
        )
    now = target_logits(model, batch).log_softmax(dim=-1)
    return F.kl_div(now, batch[LOG_PROBS].to(now), reduction="batchmean", log_target=True)


@torch.no_grad()
def target_log_probs(model: Any, batch: Batch) -> list[torch.Tensor]:
    """Log-probabilities of the whole vocabulary at each row's targets: one (targets, vocabulary) a row."""
    counts = (batch["labels"][:, 1:] != NO_TARGET).sum(dim=1).tolist()
    return list(target_logits(model, batch).log_softmax(dim=-1).split(counts))


RETAIN_TERMS = {
    "nll": RetainTerm(mean_nll, lambda model, batch: {}),
    "kl": RetainTerm(
        kl_from_reference, lambda model, batch: {LOG_PROBS: target_log_probs(model, batch)}, (LOG_PROBS,)
    ),
}
