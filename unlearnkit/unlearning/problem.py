"""What the steps of a run work on: a copy of the model, its optimizer, its loss and its rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Any

import torch

from unlearnkit import objectives
from unlearnkit.descent import descend
from unlearnkit.errors import BadInput
from unlearnkit.fingerprints import weights_hash
from unlearnkit.losses import sampled_nll
from unlearnkit.optim import LossClosure
from unlearnkit.randomness import global_stream
from unlearnkit.testbeds.batches import Batch, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.refusals import refused
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.configure import make_optimizer
from unlearnkit.unlearning.identity import rows_hash, run_id
from unlearnkit.unlearning.pairs import Pair, Side, paired_batches
from unlearnkit.unlearning.reference import Reference
from unlearnkit.unlearning.run import RunConfig


@dataclass
class Problem:
    """A run in the making; `passes` grows with every forward pass over a pair of batches."""

    lab: Testbed
    config: RunConfig
    model: Any
    objective: objectives.Objective
    optimizer: torch.optim.Optimizer
    forget: list[Encoded]
    retain: list[Encoded]
    refusals: list[Encoded] = field(default_factory=list)
    passes: float = 0.0
    references: list[Reference] = field(default_factory=list)

    @property
    def forward_equivalents(self) -> float:
        """Spent so far: passes over a pair of batches, the reference's too, and the optimizer's own."""
        of_reference = 0.5 * sum(reference.passes for reference in self.references)
        return self.passes + of_reference + getattr(self.optimizer, "extra_forward_equivalents", 0.0)

    def identity(self, config: RunConfig) -> str:
        """The id of the run that this configuration makes of the problem."""
        parts = (self.forget, self.retain, *([self.refusals] if self.refusals else []))
        data = " ".join(rows_hash(rows) for rows in parts)
        return run_id(config.to_dict(), weights=weights_hash(self.lab.model), data=data)

    def loss(self, pair: Pair) -> torch.Tensor:
        """The objective on a pair of batches; a pass counts 1, and 3 with the backward to come."""
        self._count(self.objective.passes)
        return self.objective(self.model, *pair)

    def closure(self, pair: Pair) -> LossClosure:
        """The objective on a pair of batches, whole and in parts, for optimizers that look at losses."""
        forget, retain = pair
        return LossClosure(
            loss=partial(self.loss, pair),
            forget=partial(
                self._part, self.objective.forget_term, forget, 0.5 * self.objective.forget_passes
            ),
            retain=partial(self._part, self.objective.retain_term, retain, 0.5 * self.objective.keeps),
            sampled=partial(self._sampled, pair),
        )

    def _part(self, term: Callable[[Any, Batch], torch.Tensor], batch: Batch, price: float) -> torch.Tensor:
        self._count(price)
        return term(self.model, batch)

    def _sampled(self, pair: Pair, source: torch.Generator) -> tuple[torch.Tensor, int]:
        """Both batches as one: the mean over all of their sampled labels, and their number."""
        self._count(1)
        parts = [sampled_nll(self.model, batch, source) for batch in pair]
        total = sum(count for _, count in parts)
        return sum(loss for loss, _ in parts) / total, total  # type: ignore[return-value]

    def _count(self, passes: float) -> None:
        self.passes += 3 * passes if torch.is_grad_enabled() else passes

    def descent(self) -> Iterator[float]:
        """Take the configured steps, yielding each one's loss; a loss that is no number is the last."""
        config = self.config
        taken = descend(
            self.optimizer, self.loss, islice(self.pairs(), config.steps),
            max_grad_norm=config.max_grad_norm, closure_of=self.closure,
        )  # fmt: skip
        for step in range(1, config.steps + 1):
            # A stream a step: whoever looks on between steps may draw, too.
            with global_stream(config.seed, "dropout", step):
                loss = next(taken)
            yield loss
            if not math.isfinite(loss):
                return

    def finished_model(self) -> Any:
        """A copy of the model as it is now, finished, in the type of the testbed's, for evaluation."""
        model = self.finished_copy().to(self.lab.model.dtype).eval()
        model.zero_grad(set_to_none=True)
        return model

    def finished_copy(self) -> Any:
        """A copy of the model as it would be were this the last step, in float32.

        What requires a gradient is what does in the testbed's model.
        """
        model = copy.deepcopy(self.model)
        self.objective.finish_(model, self.lab.model)
        for weight, origin in zip(model.parameters(), self.lab.model.parameters(), strict=True):
            weight.requires_grad_(origin.requires_grad)
        return model

    @property
    def in_the_making(self) -> bool:
        """Whether the model is another than it will be: to be finished, or with weights frozen meanwhile."""
        pairs = zip(self.model.parameters(), self.lab.model.parameters(), strict=True)
        frozen = any(weight.requires_grad != origin.requires_grad for weight, origin in pairs)
        return self.objective.finishes or frozen

    def pairs(self) -> Iterator[Pair]:
        """Batches without end, with all that the objective asks for."""
        forget, retain = self.sides
        return paired_batches(forget, retain, batch_size=self.config.batch_size, seed=self.config.seed)

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        """The rows to forget and to keep, with what the objective asks of the reference model.

        First needed before the first step, when the model is still the reference.
        """
        asked = self.objective
        of_forget = asked.forget_keys and Reference(
            asked.forget_reference, self.lab.model, price=asked.forget_passes
        )
        of_retain = asked.retain_keys and Reference(asked.retain_reference, self.lab.model)
        forget = self._side(self.forget, of_forget or None, self.refusals)
        return forget, self._side(self.retain, of_retain or None, [])

    def _side(self, rows: list[Encoded], reference: Reference | None, refusals: list[Encoded]) -> Side:
        side = Side(rows, self.lab.tokenizer.pad_token_id, self.lab.device, refusals, reference)
        if reference is not None:
            self.references.append(reference)
            reference.take(self.model, sorted_chunks(rows, self.config.batch_size), side.asked)
        return side


def prepare(lab: Testbed, config: RunConfig) -> Problem:
    """Copy the model in float32 and make its optimizer, objective and rows."""
    _check_rows(lab)
    # Steps of 1e-5 vanish in bfloat16, so weights move in float32 whatever they are kept in.
    model = copy.deepcopy(lab.model).float().train()
    objective = objectives.create(config.objective, **config.objective_options)
    optimizer = make_optimizer(config, _moving(objective, model))
    if hasattr(optimizer, "end_at"):
        optimizer.end_at(config.steps)
    return Problem(
        lab=lab,
        config=config,
        model=model,
        objective=objective,
        optimizer=optimizer,
        forget=lab.encode(lab.forget, loss_on=config.loss_on),
        retain=lab.encode(lab.kept, loss_on=config.loss_on),
        refusals=_refusals(lab, config) if objective.needs_refusals else [],
    )


def _check_rows(lab: Testbed) -> None:
    for side, split in (("forget", lab.forget), ("keep", lab.kept)):
        if not split.rows:
            raise BadInput(
                f"lab: its split {split.name!r}, what it is to {side}, has no rows, and a step takes a "
                "batch of each; give it at least one"
            )


def _moving(objective: objectives.Objective, model: Any) -> list[torch.nn.Parameter]:
    """The weights that move; the others require no gradient from now on. What came frozen stays so."""
    moving = [weight for weight in objective.trained(model) if weight.requires_grad]
    if not moving:
        raise BadInput(
            "lab.model: none of the weights that the objective trains requires a gradient, so nothing would "
            "move; call lab.model.requires_grad_(True), or thaw some of them"
        )
    named = {id(weight) for weight in moving}
    for weight in model.parameters():
        weight.requires_grad_(id(weight) in named)
    return moving


def _refusals(lab: Testbed, config: RunConfig) -> list[Encoded]:
    rows = refused(lab.forget.rows, config.seed)
    try:
        return encode_rows(rows, lab.tokenizer, loss_on=config.loss_on)
    except BadInput as error:
        raise BadInput(f"{config.objective} puts refusals in place of answers, and so {error}") from error
