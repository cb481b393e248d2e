"""unlearn() is a plain loop: same seed same bits, nobody else's model or random numbers touched."""

from __future__ import annotations

import copy
import dataclasses
from itertools import islice

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.unlearning.pairs import Side, paired_batches

FEW = {"lr": 1e-3, "steps": 3, "batch_size": 4, "progress": False}


def unlearn(lab, **changes):
    return uk.unlearn(lab, **{"objective": "npo", "optimizer": "adam", **FEW, **changes})


@pytest.mark.parametrize("max_grad_norm", [1.0, None])
def test_it_takes_the_steps_of_a_loop_written_out(max_grad_norm, toy):
    run = unlearn(toy, max_grad_norm=max_grad_norm, seed=5, objective_options={"beta": 0.3})
    model, losses = _by_hand(toy, 3, lr=1e-3, beta=0.3, max_grad_norm=max_grad_norm, seed=5)
    assert run.history.loss == pytest.approx(losses, rel=1e-5)
    for ours, theirs in zip(run.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-6)


def test_at_the_first_step_every_row_weighs_the_same(toy):
    # (2 / beta) ln 2, plus the retain loss: the reference is the model before the first step
    run = unlearn(toy, steps=1, objective_options={"beta": 0.5, "retain_weight": 0.0})
    assert run.history.loss[0] == pytest.approx(4 * 0.6931471806, rel=1e-5)


def test_the_target_is_not_changed(toy, fingerprint, random_state):
    before, state = fingerprint(toy.model), random_state()
    run = unlearn(toy)
    assert fingerprint(toy.model) == before
    assert random_state() == state
    assert run.model is not toy.model
    assert not run.model.training
    assert all(weight.grad is None for weight in run.model.parameters())


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_the_target_is_not_changed_by_a_run_that_ends_early(fault, toy, fingerprint, random_state):
    def stop(step, model, loss):
        if step == 2:
            raise fault

    before, state = fingerprint(toy.model), random_state()
    with pytest.raises(fault):
        unlearn(toy, on_step=stop)
    assert fingerprint(toy.model) == before
    assert random_state() == state


@pytest.mark.parametrize("optimizer", uk.optim.catalogue().name)
@pytest.mark.parametrize("objective", uk.objectives.catalogue().name)
def test_the_same_seed_gives_the_same_weights_to_the_bit(optimizer, objective, toy, same_bits):
    one, same, other = (unlearn(toy, optimizer=optimizer, objective=objective, seed=s) for s in (3, 3, 4))
    assert same_bits(one.model, same.model)
    assert not same_bits(one.model, other.model)
    assert (one.id, one.scores, one.history) == (same.id, same.scores, same.history)
    assert one.id != other.id


def test_the_same_seed_gives_the_same_dropout_whatever_is_drawn_in_between(toy, make_llama, same_bits):
    lab = _with_model(toy, make_llama(0, attention_dropout=0.3))
    quiet = unlearn(lab, seed=3)
    torch.manual_seed(99)
    noisy = unlearn(lab, seed=3, on_step=lambda *_: torch.rand(7))
    assert same_bits(quiet.model, noisy.model)
    assert not same_bits(quiet.model, unlearn(toy, seed=3).model)  # dropout was on


def test_what_on_step_draws_is_drawn(toy):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    drawn = []
    unlearn(toy, on_step=lambda *_: drawn.append(torch.rand(1)))
    assert torch.equal(torch.cat(drawn), expected)


def test_on_step_sees_each_step_its_model_and_its_loss(toy):
    seen = []
    run = unlearn(toy, on_step=lambda step, model, loss: seen.append((step, model.training, loss)))
    assert [(step, training) for step, training, _ in seen] == [(1, True), (2, True), (3, True)]
    assert tuple(loss for *_, loss in seen) == run.history.loss


def test_frozen_weights_stay(toy, make_llama):
    model = make_llama(0)
    model.model.layers[0].requires_grad_(False)
    run = unlearn(_with_model(toy, model))
    for (name, new), old in zip(run.model.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(new, old) == name.startswith("model.layers.0"), name


def test_a_tied_embedding_stays_tied(toy):
    model = unlearn(toy).model
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_the_cost_is_counted_in_forward_passes(toy):
    # 3 steps of 3, and half a pass for each batch of the reference: 32 forget rows by 4
    batches = -(-len(toy.forget) // 4)
    assert unlearn(toy).cost.forward_equivalents == 9 + 0.5 * batches
    assert unlearn(toy, objective="graddiff").cost.forward_equivalents == 9
    assert unlearn(toy, steps=1, objective="graddiff").cost.forward_equivalents == 3


def test_the_distance_of_a_sign_step_is_known(toy):
    # every weight with a gradient moves by the rate
    run = unlearn(toy, optimizer="signsgd", steps=1, lr=1e-3)
    count = sum(weight.numel() for weight in toy.model.parameters())
    assert run.cost.moved_fraction > 0.95
    assert run.cost.distance_l2 == pytest.approx(1e-3 * (run.cost.moved_fraction * count) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"objective": "nop"}, UnknownName, 'did you mean "npo"'),
        ({"optimizer": "addam"}, UnknownName, 'did you mean "adam"'),
        ({"lr": 0}, BadInput, "lr must be"),
        ({"lr": float("nan")}, BadInput, "lr must be"),
        ({"lr": "fast"}, BadInput, "lr must be"),
        ({"steps": 0}, BadInput, "steps must be an integer, 1 or above"),
        ({"steps": 2.5}, BadInput, "steps must be an integer"),
        ({"batch_size": 0}, BadInput, "batch_size must be"),
        ({"batch_size": True}, BadInput, "batch_size must be"),
        ({"seed": 1.5}, BadInput, "seed must be an integer"),
        ({"seed": None}, BadInput, "seed must be an integer"),
        ({"max_grad_norm": -1.0}, BadInput, "max_grad_norm must be"),
        ({"loss_on": "answers"}, UnknownName, 'did you mean "answer"'),
        ({"objective_options": {"beta": -1}}, BadInput, "beta must be"),
        ({"objective_options": {"gamma": 1}}, BadInput, "gamma"),
        ({"optimizer_options": {"speed": 1}}, BadInput, "speed"),
        ({"optimizer_options": {"lr": 1}}, BadInput, "give it as lr="),
        ({"optimizer_options": {"weight_decay": -1}}, BadInput, "weight_decay"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_raise_before_any_work(changes, error, message, toy, monkeypatch):
    monkeypatch.setattr(type(toy), "encode", lambda *_, **__: pytest.fail("work was done"))
    with pytest.raises(error, match=message):
        unlearn(toy, **changes)


def test_options_are_the_runs_own(toy):
    options = {"beta": 0.2}
    run = unlearn(toy, steps=1, objective_options=options)
    options["beta"] = 99.0
    assert run.config.objective_options == {"beta": 0.2}


def test_a_bar_is_shown_when_asked_for(toy, capsys):
    unlearn(toy, progress=True)
    shown = capsys.readouterr().err
    assert "adam + npo" in shown
    assert "/3 [" in shown
    unlearn(toy, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.gpu
def test_it_runs_on_the_gpu_as_on_the_cpu(lab):
    there = uk.load_testbed("atlas", fold=1, device="cuda")
    on_gpu, on_cpu = (unlearn(which, steps=5, batch_size=16) for which in (there, lab))
    assert next(on_gpu.model.parameters()).is_cuda
    assert on_gpu.id == on_cpu.id
    assert on_gpu.history.loss == pytest.approx(on_cpu.history.loss, rel=1e-2)


def _with_model(lab, model):
    return dataclasses.replace(lab, model=model)


def _by_hand(lab, steps, *, lr, beta, max_grad_norm, seed):
    """NPO on Hugging Face's own loss, and torch's Adam; only the batches are the package's."""
    model = copy.deepcopy(lab.model).train()
    reference = copy.deepcopy(lab.model).eval()
    forget, retain = lab.encode(lab.forget), lab.encode(lab.retain)
    sides = (Side(rows, pad_id=0, device=torch.device("cpu")) for rows in (forget, retain))
    pairs = paired_batches(*sides, batch_size=4, seed=seed)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=lr), []
    for ours, kept in islice(pairs, steps):
        with torch.no_grad():
            before = _row_sums(reference, ours)
        npo = -F.logsigmoid(beta * (_row_sums(model, ours) - before)).mean() * 2 / beta
        loss = npo + model(**kept).loss
        optimizer.zero_grad()
        loss.backward()
        if max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def _row_sums(model, batch):
    """Each row's summed loss: Hugging Face's mean over its targets, times their number."""
    rows = zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True)
    sums = []
    for ids, mask, labels in rows:
        mean = model(input_ids=ids[None], attention_mask=mask[None], labels=labels[None]).loss
        sums.append(mean * (labels != -100).sum())
    return torch.stack(sums)
