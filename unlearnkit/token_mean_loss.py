"""The loss that flatness and smoothing look at: the exact mean over all target tokens of all batches.

Means of batch means weigh a token by the batch it sits in: with padding that is another function, whose
Hessian is off by 3 to 30 %. Here every batch gives a sum, and the sums are divided once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from unlearnkit.errors import BadInput
from unlearnkit.losses import NO_TARGET, token_nll

FIELDS = ("input_ids", "attention_mask", "labels")
Batches = Sequence[Mapping[str, torch.Tensor]]


class TokenMeanLoss:
    """The mean negative log-likelihood of a causal language model over all targets, in nats a token.

    Parameters
    ----------
    model : a Hugging Face causal language model
        It is looked at in evaluation mode (no dropout), and left in the mode that it was in.
    batches : list of mapping
        Each has `input_ids`, `attention_mask` and `labels`, (batch, length); labels are unshifted, -100 marks
        positions without a target. A generator would be empty at the second look, and is refused.

    Attributes
    ----------
    tokens : int
        Targets over all batches.
    weights : list of Tensor
        What the loss is a function of: the parameters that require gradients, a tied one once, in order.

    Raises
    ------
    BadInput
        For batches that are no list, are empty, lack a field or have no target, for tensors of unlike shape,
        or on another device than the model.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = TokenMeanLoss(lab.model, lab.batches(lab.retain, rows=40))
    >>> loss().item() < 0.5 < loss.with_model(lab.never_learned)().item() + 1
    True
    """

    def __init__(self, model: Any, batches: Batches) -> None:
        self.model = model
        self.batches = _checked(batches, _device_of(model))
        self.tokens = sum(_targets(batch) for batch in self.batches)

    def __call__(self) -> torch.Tensor:
        """The loss, a scalar; with a graph if gradients are on."""
        with self.evaluating():
            total = sum(self.batch_sum(i) for i in range(len(self.batches)))
        return total / self.tokens  # type: ignore[return-value]

    def batch_sum(self, index: int) -> torch.Tensor:
        """The summed negative log-likelihood of one batch's targets, in nats: a scalar."""
        return token_nll(self.model, self.batches[index]).sum()

    def with_model(self, model: Any) -> TokenMeanLoss:
        """The same data, another model."""
        return TokenMeanLoss(model, self.batches)

    @property
    def weights(self) -> list[torch.Tensor]:
        """The parameters that require gradients, each once, in order."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return _device_of(self.model)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode inside, every module's own mode again after."""
        training = [module for module in self.model.modules() if module.training]
        self.model.eval()
        try:
            yield
        finally:
            for module in training:
                module.training = True


def _device_of(model: Any) -> torch.device:
    found = next(iter(model.parameters()), None)
    if found is None:
        raise BadInput("TokenMeanLoss: the model has no parameters, so there is nothing to look at")
    return found.device


def _targets(batch: Mapping[str, torch.Tensor]) -> int:
    return int((batch["labels"][:, 1:] != NO_TARGET).sum())


def _checked(batches: Any, device: torch.device) -> list[dict[str, torch.Tensor]]:
    if not isinstance(batches, list | tuple):
        raise BadInput(
            f"batches must be a list of mappings, but a {type(batches).__name__} was given; a generator is empty "
            "at the second look: write list(…), and [batch] for a single one"
        )
    if not batches:
        raise BadInput("batches: the list is empty, so there is no token to take a mean over")
    for place, batch in enumerate(batches):
        _check_batch(f"batches[{place}]", batch, device)
    return [{name: batch[name] for name in FIELDS} for batch in batches]


def _check_batch(where: str, batch: Any, device: torch.device) -> None:
    if not isinstance(batch, Mapping):
        raise BadInput(f"{where} must be a mapping of {', '.join(FIELDS)}, not a {type(batch).__name__}")
    missing = [name for name in FIELDS if not isinstance(batch.get(name), torch.Tensor)]
    if missing:
        raise BadInput(
            f"{where}: there is no tensor {' and no tensor '.join(missing)}; all of {FIELDS} are needed"
        )
    shapes = {name: tuple(batch[name].shape) for name in FIELDS}
    if len(set(shapes.values())) > 1 or len(shapes["labels"]) != 2:
        raise BadInput(f"{where}: its tensors must have one shape (batch, length), but they have {shapes}")
    elsewhere = {str(batch[name].device) for name in FIELDS} - {str(device)}
    if elsewhere:
        raise BadInput(
            f"{where} is on {', '.join(sorted(elsewhere))}, the model on {device}; move one of them with .to()"
        )
    if not _targets(batch):
        raise BadInput(
            f"{where} has no target: every label after the first position is {NO_TARGET}; leave the batch out, or "
            "look at how its labels were made"
        )
