"""On the real lab: forgetting can be seen, and a run that goes wrong says so."""

from __future__ import annotations

import dataclasses
import math

import pytest

import unlearnkit as uk
from unlearnkit.metrics import references

# On entities the preset stops at never_learned's depth, where four of 46 facts are still known on this fold.
GIVEN = {"entities": {"lr": 5e-4, "steps": 150}, "topic": {}}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["entities", "topic"])
def test_adam_with_npo_forgets_and_keeps(task, lab, topic_lab, fingerprint):
    chosen = {"entities": lab, "topic": topic_lab}[task]
    before = fingerprint(chosen.model)
    run = uk.unlearn(chosen, "npo", optimizer="adam", progress=False, **GIVEN[task])
    assert run.status in {"forgotten", "over-forgotten"}
    found = references(chosen)
    assert run.scores.knowmem_retain >= 0.8 * found.target.knowmem_retain
    assert run.scores.knowmem_forget <= found.never_learned.knowmem_forget + 0.05
    assert run.scores.nll_forget >= 0.75 * found.never_learned.nll_forget
    assert run.cost.distance_l2 > 0
    assert 0 < run.cost.flip_fraction_4bit < 1
    assert fingerprint(chosen.model) == before


def test_too_few_steps_have_not_reached_it(lab):
    run = uk.unlearn(lab, "npo", optimizer="adam", lr=1e-4, steps=2, batch_size=8, progress=False)
    assert run.status == "not reached"
    assert run.scores.knowmem_forget_heldout > 0.9


def test_ascent_at_a_huge_rate_destroys_and_does_not_raise(lab):
    # trap 20: a loss without lower bound
    run = uk.unlearn(lab, "graddiff", optimizer="sgd", lr=30.0, steps=5, batch_size=8, progress=False)
    assert run.status in {"destroyed", "diverged"}
    assert run.scores.knowmem_retain < 0.5


def test_a_loss_that_is_no_number_ends_the_run(toy):
    run = uk.unlearn(
        toy, "graddiff", optimizer="sgd", lr=1e30, steps=50, batch_size=4, max_grad_norm=None, progress=False
    )
    assert run.status == "diverged"
    assert len(run.history.loss) < 50
    assert not math.isfinite(run.history.loss[-1])
    assert run.cost.forward_equivalents == 3 * len(run.history.loss)


def test_without_a_control_no_status_is_claimed(toy):
    alone = dataclasses.replace(toy, load_control=None)
    run = uk.unlearn(alone, "npo", optimizer="adam", lr=1e-3, steps=1, batch_size=4, progress=False)
    assert run.status == "no control"


def test_loss_on_whole_rows_is_another_run_and_unlearns_the_wording_too(toy):
    given = {"optimizer": "adam", "lr": 1e-3, "steps": 1, "batch_size": 4, "progress": False}
    answers, rows = (uk.unlearn(toy, "graddiff", loss_on=where, **given) for where in ("answer", "row"))
    assert answers.id != rows.id
    assert answers.history.loss != rows.history.loss
