"""Trap 20: ascent has no bottom; a run that fell through is "destroyed", and says what it keeps."""

from __future__ import annotations

import dataclasses
import math

import pytest

import unlearnkit as uk
from unlearnkit.testbeds import Split


@pytest.fixture(scope="module")
def few(topic_lab):
    """The lab's models, asked little."""
    splits = ("forget", "forget_shown", "forget_heldout", "retain")
    passages = ("verbatim_forget", "verbatim_retain")
    return dataclasses.replace(
        topic_lab,
        **{name: Split(name, getattr(topic_lab, name).rows[:32]) for name in splits},
        **{name: getattr(topic_lab, name)[:2] for name in passages},
    )


@pytest.fixture(scope="module")
def fallen(few):
    """Gradient ascent on the lab, too fast."""
    return uk.unlearn(few, "grad_ascent", optimizer="adam", lr=3e-3, steps=24, batch_size=8, progress=False)


def test_the_loss_falls_far_below_that_of_a_model_that_guesses(fallen, topic_lab):
    guessing = -math.log(len(topic_lab.tokenizer))
    assert fallen.history.loss[-1] < 2 * guessing


def test_what_is_gone_with_it_is_said(fallen):
    assert fallen.status == "destroyed"
    assert fallen.scores.nll_forget > 2 * math.log(1000)
    assert fallen.scores.knowmem_retain < 0.5
    assert "knowmem_retain" in fallen.to_dict()["scores"]


def test_one_that_runs_into_no_numbers_ends_there(toy):
    run = uk.unlearn(
        toy,
        "grad_ascent",
        optimizer="sgd",
        lr=1e30,
        steps=9,
        batch_size=4,
        max_grad_norm=None,
        progress=False,
    )
    assert run.status == "diverged"
    assert len(run.history.loss) < 9
