"""What certifying the lab takes, beside the bare forward passes that it cannot do without.

python -m pytest tests/benchmarks/test_certificate_cost.py -s
"""

from __future__ import annotations

import time

import pytest
import torch

from unlearnkit.losses import predictions
from unlearnkit.randomness import one_thread
from unlearnkit.smoothing import certificate_cost, certify
from unlearnkit.smoothing.certificates.exact_answers import ExactAnswers, facts_of

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

SAMPLES, ROUNDS = 12, 3


@torch.no_grad()
def bare_passes(models, batches, passes):
    """Every batch through every model, all logits, nothing moved and nothing looked at."""
    for model in models:
        for _ in range(passes):
            for batch in batches:
                predictions(model, batch)


def seconds_of(run):
    """The processor's own time over all threads, which does not count what other programs take."""
    started = time.process_time()
    run()
    return time.process_time() - started


def test_certifying_the_lab_against_its_forward_passes(lab, noisy, tmp_path):
    """In each round both are done once, so that they meet the same weather."""
    model = noisy(lab.never_learned, 0.001)  # of its own: all three models are asked
    models = (model, lab.model, lab.never_learned)
    batches = ExactAnswers(
        facts_of(lab, forget_facts=None, retain_facts=60).all, lab.tokenizer, lab.device
    ).batches
    told = certificate_cost(lab, samples=SAMPLES)
    bare, whole, kept = [], [], []
    with one_thread():
        bare_passes(models, batches, 1)  # the first is not timed
        for turn in range(ROUNDS):
            bare.append(seconds_of(lambda: bare_passes(models, batches, SAMPLES + 1)))
            whole.append(seconds_of(lambda: certify(model, lab, samples=SAMPLES)))
            file = tmp_path / f"{turn}.jsonl"
            kept.append(seconds_of(lambda: certify(model, lab, samples=SAMPLES, keep=file)))  # noqa: B023
    a_pass = min(whole) / told.forward_passes
    thousand = a_pass * certificate_cost(lab, samples=1000).forward_passes
    print(f"\n{told.forward_passes} forward passes of {told.rows} rows over {told.models} models, CPU:")
    print(f"  bare passes {min(bare):.2f} s, certify {min(whole):.2f} s: ratio {min(whole) / min(bare):.3f}")
    print(f"  with a file to go on from: ratio {min(kept) / min(bare):.3f}")
    print(f"  {a_pass * 1e3:.1f} ms a pass; at 1,000 samples {thousand:.0f} s of one core, "
          f"{thousand / 2:.0f} s on two, since each model has a thread")  # fmt: skip
    # 1.2 is what a quiet machine is held to, by eye; a busy one is given room
    assert min(whole) / min(bare) < 1.6
