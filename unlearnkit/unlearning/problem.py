"""What the steps of a run work on: a copy of the model, its optimizer, its loss and its rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch

from unlearnkit import objectives
from unlearnkit.descent import descend
from unlearnkit.fingerprints import weights_hash
from unlearnkit.losses import sampled_nll
from unlearnkit.optim import LossClosure
from unlearnkit.randomness import global_stream
from unlearnkit.testbeds.batches import Batch
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.configure import make_optimizer
from unlearnkit.unlearning.identity import rows_hash, run_id
from unlearnkit.unlearning.pairs import Pair, paired_batches, reference_sums
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
    passes: float = 0.0

    @property
    def forward_equivalents(self) -> float:
        """Spent so far: passes over a pair of batches, and what the optimizer adds by itself."""
        return self.passes + getattr(self.optimizer, "extra_forward_equivalents", 0.0)

    def identity(self, config: RunConfig) -> str:
        """The id of the run that this configuration makes of the problem."""
        data = f"{rows_hash(self.forget)} {rows_hash(self.retain)}"
        return run_id(config.to_dict(), weights=weights_hash(self.lab.model), data=data)

    def loss(self, pair: Pair) -> torch.Tensor:
        """The objective on a pair of batches; a pass counts 1, and 3 with the backward to come."""
        self._count(1)
        return self.objective(self.model, *pair)

    def closure(self, pair: Pair) -> LossClosure:
        """The objective on a pair of batches, whole and in parts, for optimizers that look at losses."""
        forget, retain = pair
        return LossClosure(
            loss=partial(self.loss, pair),
            forget=partial(self._part, self.objective.forget_term, forget),
            retain=partial(self._part, self.objective.retain_term, retain),
            sampled=partial(self._sampled, pair),
        )

    def _part(self, term: Callable[[Any, Batch], torch.Tensor], batch: Batch) -> torch.Tensor:
        self._count(0.5)
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
            self.optimizer, self.loss, self._pairs(),
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
        """A copy of the model as it is now, in the type of the testbed's, for evaluation."""
        model = copy.deepcopy(self.model).to(self.lab.model.dtype).eval()
        model.zero_grad(set_to_none=True)
        return model

    def _pairs(self) -> Iterator[Pair]:
        pad_id, size = self.lab.tokenizer.pad_token_id, self.config.batch_size
        sums = None
        if self.objective.needs_reference:
            sums = reference_sums(self.model, self.forget, batch_size=size, pad_id=pad_id)
            self.passes += 0.5 * math.ceil(len(self.forget) / size)
        pairs = paired_batches(
            self.forget,
            self.retain,
            batch_size=size,
            seed=self.config.seed,
            pad_id=pad_id,
            device=self.lab.device,
            reference_nll=sums,
        )
        return islice(pairs, self.config.steps)


def prepare(lab: Testbed, config: RunConfig) -> Problem:
    """Copy the model in float32 and make its optimizer, objective and rows."""
    # Steps of 1e-5 vanish in bfloat16, so weights move in float32 whatever they are kept in.
    model = copy.deepcopy(lab.model).float().train()
    optimizer = make_optimizer(config, [weight for weight in model.parameters() if weight.requires_grad])
    if hasattr(optimizer, "end_at"):
        optimizer.end_at(config.steps)
    return Problem(
        lab=lab,
        config=config,
        model=model,
        objective=objectives.create(config.objective, **config.objective_options),
        optimizer=optimizer,
        forget=lab.encode(lab.forget, loss_on=config.loss_on),
        retain=lab.encode(lab.kept, loss_on=config.loss_on),
    )
