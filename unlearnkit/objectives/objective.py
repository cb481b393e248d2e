"""What every objective is: a term for each of two batches, and what these must carry of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from unlearnkit.errors import MissingReference, require_one_of, require_positive
from unlearnkit.objectives.retain import RETAIN_TERMS, Batch, RowsOf, nothing_kept


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A loss of a model on one forget batch and one retain batch; lower means more forgotten or better kept.

    Whoever trains gives each batch, beside its rows, what `forget_reference` and `retain_reference` took of
    the reference model for these rows: per key the rows' tensors one after another (`torch.cat`).

    Attributes
    ----------
    retain_weight : float
        Weight of the retain term; at 0 the retain batch is not looked at.
    retain : {"nll", "kl"}
        The retain term: the token-mean negative log-likelihood, or the Kullback-Leibler divergence from the
        reference model's predictions; see `objectives.retain`.
    forget_keys, retain_keys : tuple of str
        What batches must carry of the reference model; () where it is not needed.
    needs_refusals : bool
        Whether forget batches must carry refusals of the same prompts: "refusal_input_ids",
        "refusal_attention_mask" and "refusal_labels", padded on the right.
    forget_passes : int
        Forward passes that the forget term takes over its batch.
    """

    retain_weight: float = 1.0
    retain: str = "nll"

    forget_keys: ClassVar[tuple[str, ...]] = ()
    needs_refusals: ClassVar[bool] = False
    forget_passes: ClassVar[int] = 1

    def __post_init__(self) -> None:
        require_positive("retain_weight", self.retain_weight, zero_allowed=True)
        require_one_of("retain", self.retain, RETAIN_TERMS)

    @property
    def keeps(self) -> bool:
        """Whether there is a retain term."""
        return self.retain_weight > 0

    @property
    def passes(self) -> float:
        """Forward passes that the loss takes, one over each of the two batches being 1."""
        return 0.5 * (self.forget_passes + self.keeps)

    @property
    def retain_keys(self) -> tuple[str, ...]:
        """What a retain batch must carry of the reference model."""
        return RETAIN_TERMS[self.retain].keys if self.keeps else ()

    @property
    def needs_reference(self) -> bool:
        """Whether anything of the reference model is needed."""
        return bool(self.forget_keys or self.retain_keys)

    def __call__(self, model: Any, forget: Batch, retain: Batch) -> torch.Tensor:
        """The scalar loss: the sum of the two terms."""
        return self.retain_term(model, retain) + self.forget_term(model, forget)

    def forget_term(self, model: Any, forget: Batch) -> torch.Tensor:
        """What the loss says of the forget batch, with its weight."""
        raise NotImplementedError

    def retain_term(self, model: Any, retain: Batch) -> torch.Tensor:
        """What the loss says of the retain batch, with its weight."""
        if not self.keeps:
            return nothing_kept(model)
        return self.retain_weight * RETAIN_TERMS[self.retain].term(model, retain)

    def forget_reference(self, model: Any, forget: Batch) -> RowsOf:
        """What the forget term needs of the reference model: for each key, one tensor a row."""
        return {}

    def retain_reference(self, model: Any, retain: Batch) -> RowsOf:
        """What the retain term needs of the reference model: for each key, one tensor a row."""
        return RETAIN_TERMS[self.retain].reference(model, retain)

    def trained(self, model: Any) -> list[torch.nn.Parameter]:
        """The weights that move: all that require a gradient, where a paper does not say otherwise."""
        return [weight for weight in model.parameters() if weight.requires_grad]

    def finish_(self, model: Any, origin: Any) -> None:
        """What is done to the weights after the last step, in place; nothing, for most.

        `origin` is the testbed's model: where the steps began.
        """

    @property
    def finishes(self) -> bool:
        """Whether anything is done to the weights after the last step."""
        return type(self).finish_ is not Objective.finish_


def of_reference(batch: Batch, key: str, objective: str) -> torch.Tensor:
    """What a batch carries of the reference model.

    Raises
    ------
    MissingReference
        When it does not; what the reference model would have said is never guessed.
    """
    if key not in batch:
        raise MissingReference(
            f'{objective} needs the reference model: the batch must carry "{key}", as unlearn() gives it, or '
            "as forget_reference and retain_reference compute it"
        )
    return batch[key]
