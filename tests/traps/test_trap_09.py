"""Trap 9: a mask made of `ids != pad` hides real end tokens where the pad token is the end token."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.losses import mean_nll
from unlearnkit.testbeds import Question
from unlearnkit.testbeds.batches import collate
from unlearnkit.testbeds.encoding import encode_rows

ROWS = [
    Question("Chad", "capital", "What is the capital of Chad?", "N'Djamena"),
    Question("Oman", "capital", "What is its capital?", "Muscat"),
]


@pytest.fixture(scope="module")
def shared(tokenizer):
    """A tokenizer that pads with its end token, as GPT-2's and many chat models' do."""
    other = copy.deepcopy(tokenizer)
    other.pad_token = other.eos_token
    return other


def hidden(batch, pad_id):
    """The wrong mask, and the labels that go with it."""
    mask = (batch["input_ids"] != pad_id).long()
    return batch | {"attention_mask": mask, "labels": batch["labels"].masked_fill(mask == 0, -100)}


def test_masks_come_from_lengths_and_end_tokens_keep_their_labels(shared):
    encoded = encode_rows(ROWS, shared)
    batch = collate(encoded, pad_id=shared.pad_token_id)
    assert batch["attention_mask"].sum(1).tolist() == [len(row.input_ids) for row in encoded]
    ends = (batch["labels"] == shared.eos_token_id).sum(1)
    assert ends.tolist() == [1, 1]
    wrong = hidden(batch, shared.pad_token_id)
    assert (wrong["labels"] == shared.eos_token_id).sum() == 0


def test_the_loss_is_that_of_another_pad_token(shared, tokenizer, make_llama):
    model = make_llama(2)
    losses = [
        float(mean_nll(model, collate(encode_rows(ROWS, each), pad_id=each.pad_token_id)).detach())
        for each in (shared, tokenizer)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    batch = hidden(collate(encode_rows(ROWS, shared), pad_id=shared.pad_token_id), shared.pad_token_id)
    assert abs(float(mean_nll(model, batch).detach()) - losses[0]) > 0.01


def test_padding_is_never_trained_on(shared, make_llama):
    """Labels that are the ids, with a mask of ones, teach a model to go on padding after the end."""
    batch = collate(encode_rows(ROWS, shared), pad_id=shared.pad_token_id)
    short = batch["attention_mask"].sum(1).argmin()
    padded = batch["attention_mask"][short] == 0
    assert padded.any()
    assert (batch["labels"][short][padded] == -100).all()
    loss = uk.TokenMeanLoss(make_llama(2), [batch])
    assert loss.tokens == sum(len(row.target_ids) for row in encode_rows(ROWS, shared))
    assert loss.tokens < int((torch.ones_like(batch["labels"])[:, 1:]).sum())
