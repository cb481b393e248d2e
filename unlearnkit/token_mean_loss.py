"""The loss that flatness and smoothing look at: the exact mean over all target tokens of all batches.

Means of batch means weigh a token by the batch it sits in: with padding that is another function, whose
Hessian is off by 3 to 30 %. Here every batch gives a sum, and the sums are divided once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch

from unlearnkit.errors import BadInput
from unlearnkit.fingerprints import tensors_hash
from unlearnkit.losses import NO_TARGET, target_nll
from unlearnkit.randomness import fitting_threads

FIELDS = ("input_ids", "attention_mask", "labels")
Batches = Sequence[Mapping[str, torch.Tensor]]


class TokenMeanLoss:
    """The mean negative log-likelihood of a causal language model over all targets, in nats a token.

    Parameters
    ----------
    model : a Hugging Face causal language model
        It is looked at in evaluation mode (no dropout), and left in the mode that it was in.
    batches : list of mapping
        Each has `input_ids`, `attention_mask` and `labels`, (batch, length), on the model's device; labels
        are unshifted, -100 marks positions without a target, and so does a 0 of the attention mask. A
        generator would be empty at the second look, and is refused.

    Attributes
    ----------
    tokens : int
        Targets over all batches.
    weights : list of Tensor
        What the loss is a function of: the parameters that require gradients, a tied one once, in order.

    Raises
    ------
    BadInput
        For what is no model, or one that lies on several devices; for batches that are no list, are empty,
        lack a field or have no target, for tensors of unlike shape, for tokens that the model has no
        embedding of, and for batches on another device than the model.

    Notes
    -----
    Everything here is made of `batch_sum`. A subclass that changes it, say to its negative, is looked at as
    it is; only the Gauss-Newton matrix, which is made of the cross-entropy's form, refuses it.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=40))
    >>> loss().item() < 0.5 < loss.with_model(lab.never_learned)().item()
    True
    """

    def __init__(self, model: Any, batches: Batches) -> None:
        device = _device_of(model)
        self.model = model
        self.batches = _checked(batches, device, _vocabulary_of(model))
        self.tokens = sum(_targets(batch) for batch in self.batches)

    def __call__(self) -> torch.Tensor:
        """The loss, a scalar; with a graph if gradients are on."""
        with self.evaluating():
            total = sum(self.batch_sum(i) for i in range(len(self.batches)))
        return total / self.tokens  # type: ignore[return-value]

    def batch_sum(self, index: int) -> torch.Tensor:
        """The summed negative log-likelihood of one batch's targets, in nats: a scalar."""
        return target_nll(self.model, self.batches[index]).sum()

    def with_model(self, model: Any) -> Self:
        """The same data, another model."""
        return type(self)(model, self.batches)

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
        """Evaluation mode inside, and one thread for a small model; every module's own mode again after."""
        training = [module for module in self.model.modules() if module.training]
        try:
            self.model.eval()
            with fitting_threads(self.model):
                yield
        finally:
            for module in training:
                module.training = True


def loss_fingerprint(loss: TokenMeanLoss) -> str:
    """A hash of a loss: its class, which weights it moves, and all weights, buffers and batches.

    Finished work is kept under it. Whatever else a subclass holds does not count.
    """
    names = {id(weight): name for name, weight in loss.model.named_parameters()}
    moved = [names.get(id(weight), "") for weight in loss.weights]
    data = [
        (f"{place} {name}", part) for place, batch in enumerate(loss.batches) for name, part in batch.items()
    ]
    held = tensors_hash([*loss.model.named_parameters(), *loss.model.named_buffers(), *data])
    content = [type(loss).__module__, type(loss).__qualname__, moved, held]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _device_of(model: Any) -> torch.device:
    if not isinstance(model, torch.nn.Module):
        raise BadInput(
            f"model must be a causal language model, a torch.nn.Module, not a {type(model).__name__}"
        )
    first: dict[torch.device, str] = {}
    for name, weight in model.named_parameters():
        first.setdefault(weight.device, name)
    if not first:
        raise BadInput("model: it has no parameters, so there is nothing to look at")
    if len(first) > 1:
        places = ", ".join(f"{name} on {device}" for device, name in first.items())
        raise BadInput(f"model: it lies on several devices ({places}); move it to one with model.to()")
    return next(iter(first))


def _vocabulary_of(model: Any) -> int | None:
    """How many tokens the model has an embedding of; None if it does not say."""
    embedding = model.get_input_embeddings() if hasattr(model, "get_input_embeddings") else None
    return getattr(embedding, "num_embeddings", None)


def _targets(batch: Mapping[str, torch.Tensor]) -> int:
    return int((batch["labels"][:, 1:] != NO_TARGET).sum())


def _checked(batches: Any, device: torch.device, vocabulary: int | None) -> list[dict[str, torch.Tensor]]:
    if not isinstance(batches, list | tuple):
        raise BadInput(
            f"batches must be a list of mappings, but a {type(batches).__name__} was given; a generator is "
            "empty at the second look: write list(…), and [batch] for a single one"
        )
    if not batches:
        raise BadInput("batches: the list is empty, so there is no token to take a mean over")
    return [
        _checked_batch(f"batches[{place}]", batch, device, vocabulary) for place, batch in enumerate(batches)
    ]


def _checked_batch(
    where: str, batch: Any, device: torch.device, vocabulary: int | None
) -> dict[str, torch.Tensor]:
    _check_form(where, batch)
    elsewhere = {str(batch[name].device) for name in FIELDS} - {str(device)}
    if elsewhere:
        raise BadInput(
            f"{where} is on {', '.join(sorted(elsewhere))}, the model on {device}; move one of "
            "them with .to()"
        )
    checked = {name: batch[name] for name in FIELDS}
    checked["labels"] = batch["labels"].masked_fill(batch["attention_mask"] == 0, NO_TARGET)
    if not _targets(checked):
        raise BadInput(
            f"{where} has no target: every label after the first position is {NO_TARGET} or on padding; "
            "leave the batch out, or look at how its labels were made"
        )
    _check_tokens(where, checked, vocabulary)
    return checked


def _check_form(where: str, batch: Any) -> None:
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
    for name in ("input_ids", "labels"):
        if batch[name].dtype not in (torch.int64, torch.int32):
            raise BadInput(f"{where}: {name} must be whole numbers (torch.long), not {batch[name].dtype}")


def _check_tokens(where: str, batch: Mapping[str, torch.Tensor], vocabulary: int | None) -> None:
    targets = batch["labels"][batch["labels"] != NO_TARGET]
    for name, tokens in (("input_ids", batch["input_ids"]), ("labels", targets)):
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or (vocabulary is not None and high >= vocabulary):
            raise BadInput(
                f"{where}: {name} has token {low if low < 0 else high}, but the model knows 0 to "
                f"{'…' if vocabulary is None else vocabulary - 1}; encode the text with the model's own "
                "tokenizer"
            )
