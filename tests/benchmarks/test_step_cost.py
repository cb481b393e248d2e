"""A step of unlearn() against a bare PyTorch loop with the same model, batches and optimizer.

python -m pytest tests/benchmarks -s
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from itertools import islice

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import unlearnkit as uk
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

STEPS, BATCH_SIZE, ENOUGH_TOKENS = 40, 64, 1024


@pytest.mark.parametrize("optimizer", ["adam", "signadam"])
def test_a_step_against_a_bare_loop(optimizer, lab):
    """Each of our steps is followed by the same step of the bare loop, so both meet the same weather."""
    bare = Bare(lab, optimizer)
    ours, theirs, ended = [], [], [math.nan]

    def on_step(step, model, loss):
        ours.append(time.perf_counter() - ended[0])
        started = time.perf_counter()
        bare_loss = bare.step()
        ended[0] = time.perf_counter()
        theirs.append(ended[0] - started)
        assert loss == pytest.approx(bare_loss, rel=1e-3)

    run = uk.unlearn(
        lab, "npo", optimizer=optimizer, lr=1e-5, steps=STEPS, batch_size=BATCH_SIZE, progress=False,
        on_step=on_step,
    )  # fmt: skip
    counted = [i for i, tokens in enumerate(bare.tokens) if tokens >= ENOUGH_TOKENS and i > 2]
    ratios = sorted(ours[i] / theirs[i] for i in counted)
    quartiles = [round(ratios[round(q * (len(ratios) - 1))], 3) for q in (0.25, 0.75)]
    print(
        f"\n{optimizer}: {len(counted)} pairs of steps over {min(bare.tokens[i] for i in counted)} to "
        f"{max(bare.tokens)} tokens: ours / bare = {statistics.median(ratios):.3f} (quartiles {quartiles}), "
        f"bare step {statistics.median(theirs[i] for i in counted):.3f} s"
    )
    assert len(counted) >= STEPS / 3
    assert len(run.history.loss) == STEPS


class Bare:
    """NPO as one would write it down: batches made beforehand, no checks, no bar, no history."""

    def __init__(self, lab, optimizer: str) -> None:
        self.model = copy.deepcopy(lab.model).train()
        config = configure(lab, "npo", optimizer, lr=1e-5, steps=STEPS, batch_size=BATCH_SIZE)
        self.pairs = list(islice(prepare(lab, config).pairs(), STEPS))
        self.tokens = [int(sum(batch["attention_mask"].sum() for batch in pair)) for pair in self.pairs]
        self.optimizer = uk.optim.create(optimizer, self.model.parameters(), lr=1e-5)
        self.done = 0

    def step(self) -> float:
        forget, retain = self.pairs[self.done]
        self.done += 1
        self.optimizer.zero_grad(set_to_none=True)
        drop = self._nll(forget).sum(dim=1) - forget["reference_nll"]
        kept = self._nll(retain).sum() / (retain["labels"][:, 1:] != -100).sum()
        loss = kept - F.logsigmoid(0.1 * drop).mean() * 2 / 0.1
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def _nll(self, batch) -> torch.Tensor:
        logits = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        flat = F.cross_entropy(
            logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="none"
        )
        return flat.view(len(logits), -1)
