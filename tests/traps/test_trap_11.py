"""Trap 11: labels counted before the shift are one too many where the first token has a label."""

from __future__ import annotations

import copy

import pytest
import torch

from unlearnkit.losses import sequence_nll
from unlearnkit.testbeds import Text
from unlearnkit.testbeds.batches import collate
from unlearnkit.testbeds.encoding import encode_row

TEXT = Text("Chad is a state in Africa.", ends=True)


class WithoutBegin:
    """A tokenizer that opens no text, as GPT-2's: of a plain text, the first token is a word."""

    def __init__(self, inner):
        self.inner, self.eos_token_id = inner, inner.eos_token_id

    def __call__(self, text, **options):
        return self.inner(text, **(options | {"add_special_tokens": False}))


@pytest.mark.parametrize("opens", [True, False])
def test_the_first_token_carries_no_label_with_or_without_a_begin_token(opens, tokenizer):
    row = encode_row(TEXT, tokenizer if opens else WithoutBegin(tokenizer))
    assert row.labels[0] == -100
    predicted = torch.tensor(row.labels)[1:] != -100  # after the shift
    assert int(predicted.sum()) == len(row.target_ids)  # before it
    assert len(row.target_ids) == len(row.input_ids) - 1


def test_labels_on_every_token_are_counted_one_too_many(tokenizer, make_llama):
    """n from unshifted labels: the mean over n is too small by (n - 1)/n."""
    ids = tokenizer(TEXT.text, add_special_tokens=False).input_ids
    naive = {"input_ids": torch.tensor([ids]), "labels": torch.tensor([ids])}
    counted, predicted = len(ids), len(ids) - 1
    model = copy.deepcopy(make_llama(4)).double()
    with torch.no_grad():
        logits = model(input_ids=naive["input_ids"]).logits[0, :-1]
        truth = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum")
        row = encode_row(Text(TEXT.text), WithoutBegin(tokenizer))
        total = sequence_nll(model, collate([row], pad_id=tokenizer.pad_token_id))[0]
    assert float(total) == pytest.approx(float(truth), rel=1e-5)
    assert len(row.target_ids) == predicted
    ours, wrong = float(total) / len(row.target_ids), float(truth) / counted
    assert wrong == pytest.approx(ours * predicted / counted, rel=1e-5)
    assert abs(wrong - ours) > 0.05
