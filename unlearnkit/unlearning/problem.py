"""What the steps of a run work on: a copy of the model, its optimizer, its loss and its rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from unlearnkit import objectives
from unlearnkit.descent import descend
from unlearnkit.randomness import global_stream
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.configure import make_optimizer
from unlearnkit.unlearning.identity import rows_hash, run_id, weights_hash
from unlearnkit.unlearning.pairs import Pair, paired_batches, reference_sums
from unlearnkit.unlearning.run import RunConfig


@dataclass
class Problem:
    """A run in the making; `forward_equivalents` grows with every pass over a pair of batches."""

    lab: Testbed
    config: RunConfig
    model: Any
    objective: objectives.Objective
    optimizer: torch.optim.Optimizer
    forget: list[Encoded]
    retain: list[Encoded]
    forward_equivalents: float = 0.0

    def identity(self, config: RunConfig) -> str:
        """The id of the run that this configuration makes of the problem."""
        data = f"{rows_hash(self.forget)} {rows_hash(self.retain)}"
        return run_id(config.to_dict(), weights=weights_hash(self.lab.model), data=data)

    def loss(self, pair: Pair) -> torch.Tensor:
        """The objective on a pair of batches; a pass counts 1, and 3 with the backward to come."""
        self.forward_equivalents += 3 if torch.is_grad_enabled() else 1
        return self.objective(self.model, *pair)

    def descent(self) -> Iterator[float]:
        """Take the configured steps, yielding each one's loss; a loss that is no number is the last."""
        config = self.config
        taken = descend(self.optimizer, self.loss, self._pairs(), max_grad_norm=config.max_grad_norm)
        for step in range(1, config.steps + 1):
            # A stream a step: whoever looks on between steps may draw, too.
            with global_stream(config.seed, "dropout", step):
                loss = next(taken)
            yield loss
            if not math.isfinite(loss):
                return

    def _pairs(self) -> Iterator[Pair]:
        pad_id, size = self.lab.tokenizer.pad_token_id, self.config.batch_size
        sums = None
        if self.objective.needs_reference:
            sums = reference_sums(self.model, self.forget, batch_size=size, pad_id=pad_id)
            self.forward_equivalents += 0.5 * math.ceil(len(self.forget) / size)
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
        retain=lab.encode(lab.retain, loss_on=config.loss_on),
    )
