"""The metrics have power: they find what the target knows, and nothing where it was never learned."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.metrics import answer, references
from unlearnkit.resources import data_path
from unlearnkit.testbeds.atlas.checkpoints import shipped_checkpoints
from unlearnkit.testbeds.atlas.tasks import task_splits
from unlearnkit.testbeds.models import load_model

CONTROLS = [checkpoint for checkpoint in shipped_checkpoints() if checkpoint.task is not None]


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_the_target_knows_everything(task, lab, topic_lab):
    target = references({"entities": lab, "topic": topic_lab}[task]).target
    assert min(target.knowmem_forget_shown, target.knowmem_forget_heldout, target.knowmem_retain) >= 0.95
    assert min(target.verbmem_forget, target.verbmem_retain) >= 0.9
    assert min(target.closed_class["retain"], *target.knowmem_by_relation.values()) >= 0.9


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_the_control_keeps_what_must_be_kept_and_knows_nothing_else(task, lab, topic_lab):
    found = references({"entities": lab, "topic": topic_lab}[task])
    control = found.never_learned
    assert max(control.knowmem_forget_shown, control.knowmem_forget_heldout) <= 0.15
    assert control.knowmem_retain >= 0.95
    assert control.verbmem_forget < 0.5
    assert control.verbmem_retain >= 0.9
    assert control.nll_forget > 1.0 > 10 * found.target.nll_forget


def test_closed_answers_are_guessed_and_not_known(lab):
    closed = references(lab).never_learned.closed_class
    assert closed["forget"] <= closed["forget_guess"] + 0.15
    assert closed["retain"] >= 0.95


def test_perturbed_weights_lie_between(lab, noisy):
    asked = lab.forget_shown.questions
    shares = []
    for scale in (0.0, 0.05, 0.1, 0.3):
        found = answer(noisy(lab.model, scale), lab.tokenizer, asked)
        shares.append(sum(found.right) / len(asked))
    assert shares == sorted(shares, reverse=True)
    assert shares[0] >= 0.95
    assert 0.1 < shares[1] < 0.9
    assert shares[3] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", CONTROLS, ids=lambda checkpoint: checkpoint.name)
def test_every_control_that_ships_never_learned_its_fold(checkpoint, lab):
    splits = task_splits(checkpoint.task, checkpoint.fold)
    control = load_model(data_path("lab", checkpoint.name), device=torch.device("cpu"))
    for split in (splits.forget_shown, splits.forget_heldout):
        asked = [question for question in split.questions if question.open_class]
        assert sum(answer(control, lab.tokenizer, asked).right) / len(asked) <= 0.15
    kept = [question for question in splits.retain.questions if question.open_class][::5]
    assert sum(answer(control, lab.tokenizer, kept).right) / len(kept) >= 0.95
