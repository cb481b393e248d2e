"""What is asked of the reference model stays with its row, is asked once where it fits, and is paid for."""

from __future__ import annotations

import dataclasses
import math
from itertools import islice

import pytest
import torch

import unlearnkit as uk
from unlearnkit.losses import sequence_nll
from unlearnkit.objectives import NPO
from unlearnkit.testbeds.batches import collate, sorted_chunks
from unlearnkit.unlearning import reference as module
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.pairs import Side
from unlearnkit.unlearning.problem import prepare
from unlearnkit.unlearning.reference import Reference

CPU = torch.device("cpu")
KL = {"retain": "kl"}


@pytest.fixture(scope="module")
def rows(toy):
    return toy.encode(toy.forget)


def taken(model, rows, *, batch_size=5) -> Reference:
    reference = Reference(NPO().forget_reference, model)
    reference.take(model, sorted_chunks(rows, batch_size), Side(rows, 0, CPU).asked)
    return reference


def problem(lab, objective="npo", *, steps=2, batch_size=4, **options):
    config = configure(
        lab, objective, "adam", lr=1e-2, steps=steps, batch_size=batch_size, objective_options=options
    )
    return prepare(lab, config)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_sums_are_hugging_faces_losses_row_by_row(batch_size, rows, toy):
    kept = taken(toy.model, rows, batch_size=batch_size).kept
    assert len(kept) == len(rows)
    for row, ours in list(zip(rows, kept, strict=True))[::3]:
        batch = collate([row], pad_id=0)
        mean = toy.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss.item()
        assert ours["reference_nll"].shape == (1,)
        assert not ours["reference_nll"].requires_grad
        assert ours["reference_nll"].item() == pytest.approx(mean * len(row.target_ids), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_reference_is_taken_without_dropout(training, rows, make_llama):
    steady = taken(make_llama(0), rows[:6], batch_size=3).kept
    model = make_llama(0, attention_dropout=0.5).train(training)
    model.model.layers[0].eval()  # every module gets its own mode back
    modes = [part.training for part in model.modules()]
    assert taken(model, rows[:6], batch_size=3).kept == steady
    assert [part.training for part in model.modules()] == modes


@pytest.mark.parametrize("limit", [2**29, 0])
def test_answers_travel_with_their_rows_whether_kept_or_taken_anew(limit, toy, monkeypatch):
    monkeypatch.setattr(module, "KEPT_BYTES", limit)
    for forget, retain in islice(problem(toy, **KL).pairs(), 12):
        alone = sequence_nll(toy.model, forget).detach()
        torch.testing.assert_close(forget["reference_nll"], alone, rtol=1e-5, atol=1e-4)
        at = retain["labels"][:, 1:] != -100
        with torch.no_grad():
            logits = toy.model(retain["input_ids"], attention_mask=retain["attention_mask"]).logits
        expected = logits[:, :-1][at].double().log_softmax(dim=-1)
        torch.testing.assert_close(retain["reference_log_probs"].double(), expected, rtol=1e-4, atol=1e-4)


def test_what_is_too_big_to_keep_is_asked_of_the_testbeds_model_for_each_batch(toy, monkeypatch):
    tried = problem(toy, **KL)
    whole = 4 * len(toy.tokenizer) * sum(len(row.target_ids) for row in tried.retain)
    # NPO's sums fit, and so do the predictions of any one batch; those of all rows do not
    monkeypatch.setattr(module, "KEPT_BYTES", whole // 2)
    pairs = tried.pairs()
    of_forget, of_retain = tried.references
    assert len(of_forget.kept) == len(toy.forget)
    assert not of_retain.kept
    assert of_retain.passes == 1  # the look that showed it
    with torch.no_grad():
        for weight in tried.model.parameters():
            weight.zero_()  # the model that learns is no reference any more
    first, again = next(pairs), next(pairs)
    assert of_retain.passes == 3
    for _, retain in (first, again):
        spread = retain["reference_log_probs"].std(dim=-1)
        assert spread.min() > 0.1


def test_kept_or_taken_anew_a_run_is_the_same_but_for_its_cost(toy, monkeypatch):
    given = {"optimizer": "sgd", "lr": 1e-2, "steps": 3, "batch_size": 4, "objective_options": KL}
    kept = uk.unlearn(toy, "npo", progress=False, **given)
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    anew = uk.unlearn(toy, "npo", progress=False, **given)
    assert anew.history.loss == pytest.approx(kept.history.loss, rel=1e-4)
    forget, retain = (0.5 * math.ceil(len(part) / 4) for part in (toy.forget, toy.retain))
    assert kept.cost.forward_equivalents == 9 + forget + retain
    assert anew.cost.forward_equivalents == 9 + 2 * 0.5 + 2 * 3 * 0.5  # a look each, then a pass a batch


def test_nothing_is_asked_where_nothing_is_needed(toy):
    assert not problem(toy, "graddiff").references
    tried = problem(toy, "graddiff")
    next(tried.pairs())
    assert not tried.references
    tried = problem(toy, "graddiff", retain_weight=0.0, **KL)
    forget, retain = next(tried.pairs())
    assert not tried.references
    assert set(forget) == set(retain) == {"input_ids", "attention_mask", "labels"}


def test_at_the_reference_the_divergence_is_zero(toy):
    tried = problem(toy, "graddiff", forget_weight=0.0, **KL)
    tried.model.eval()
    loss = tried.objective(tried.model, *next(tried.pairs()))
    gradient = torch.autograd.grad(loss, list(tried.model.parameters()))
    assert abs(loss.item()) < 1e-6
    assert max(part.abs().max().item() for part in gradient) < 1e-5


@pytest.mark.gpu
@pytest.mark.parametrize("objective", uk.objectives.catalogue().name)
def test_everything_lies_on_the_testbeds_device(objective, lab):
    there = uk.load_testbed("atlas", fold=1, device="cuda")
    for batch in next(problem(there, objective).pairs()):
        assert all(tensor.is_cuda for tensor in batch.values())
    assert dataclasses.replace(there).device.type == "cuda"
