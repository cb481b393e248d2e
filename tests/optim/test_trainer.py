"""Optimizers of gradients inside a Hugging Face Trainer, and what those of losses say there."""

from __future__ import annotations

import itertools

import pytest
import torch
from transformers import Trainer, TrainingArguments

import unlearnkit as uk
from unlearnkit.errors import WrongClosure

from .one_step import FIRST_ORDER, tiny_llama

LR = 0.01
OF_LOSSES = list(uk.optim.catalogue().query("needs_closure == 'loss'").groupby("grade").name.first())


def rows(count=8):
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 32, (count, 6), generator=draw)
    return [{"input_ids": row, "attention_mask": torch.ones_like(row), "labels": row} for row in tokens]


def trainer(name, folder, *, steps=2, save_steps=0):
    """A Trainer with an optimizer of ours and a scheduler that tells its steps apart."""
    model = tiny_llama()
    optimizer = uk.optim.create(name, model.parameters(), lr=LR)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    saving = {"save_strategy": "steps", "save_steps": save_steps} if save_steps else {"save_strategy": "no"}
    settings = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=4, seed=0, use_cpu=True,
        report_to="none", disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False, **saving,
    )  # fmt: skip
    return Trainer(model=model, args=settings, train_dataset=rows(), optimizers=(optimizer, scheduler))


def by_hand(name, order, clip=1.0):
    """The same steps in a plain loop."""
    model, data = tiny_llama().train(), rows()
    optimizer, lr = uk.optim.create(name, model.parameters(), lr=LR), LR
    for places in order:
        batch = {key: torch.stack([data[place][key] for place in places]) for key in data[0]}
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        lr /= 2
    return model


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_a_trainer_takes_the_steps_of_a_plain_loop(name, tmp_path):
    run = trainer(name, tmp_path)
    order = [batch["labels"] for batch in run.get_train_dataloader()]
    tokens = torch.stack([row["labels"] for row in rows()])
    places = [[int((tokens == row).all(1).nonzero()) for row in batch] for batch in order]
    assert sorted(itertools.chain(*places)) == list(range(8))
    run.train()
    for ours, theirs in zip(run.model.parameters(), by_hand(name, places).parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert run.lr_scheduler.get_last_lr() == pytest.approx([LR / 4])
    for moved, before in zip(run.model.parameters(), tiny_llama().parameters(), strict=True):
        assert not torch.equal(moved, before)


def test_a_trainer_resumes_to_the_bit(tmp_path, same_bits):
    straight = trainer("signum", tmp_path / "straight", steps=4)
    straight.train()
    trainer("signum", tmp_path / "broken", steps=4, save_steps=2).train()
    resumed = trainer("signum", tmp_path / "broken", steps=4)
    resumed.train(resume_from_checkpoint=str(tmp_path / "broken" / "checkpoint-2"))
    assert resumed.state.global_step == 4
    assert same_bits(straight.model, resumed.model)
    forgetful = trainer("signum", tmp_path / "forgetful", steps=2)
    forgetful.train()
    assert not same_bits(straight.model, forgetful.model)


@pytest.mark.parametrize("name", OF_LOSSES)
def test_an_optimizer_of_losses_says_that_a_trainer_gives_none(name, tmp_path, same_bits):
    run = trainer(name, tmp_path)
    with pytest.raises(WrongClosure, match=r"Hugging Face Trainer gives none.*needs_closure is False"):
        run.train()
    assert same_bits(run.model, tiny_llama())
