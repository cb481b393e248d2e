"""A testbed's rows as batches for the exact loss."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput


def rows_of(batches):
    """Every row's tokens without its padding, sorted."""
    return sorted(
        ids[mask.bool()].tolist()
        for batch in batches
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    )


def test_every_row_is_in_one_batch(toy):
    batches = toy.batches(toy.retain, batch_size=5)
    assert max(len(batch["labels"]) for batch in batches) == 5
    assert rows_of(batches) == sorted(list(row.input_ids) for row in toy.encode(toy.retain))


def test_some_rows_are_spread_over_the_split(toy):
    encoded = toy.encode(toy.retain)
    wanted = [encoded[i * len(encoded) // 4] for i in range(4)]
    assert rows_of(toy.batches(toy.retain, rows=4)) == sorted(list(row.input_ids) for row in wanted)


def test_how_rows_are_batched_does_not_change_the_loss(toy):
    many, one = (
        uk.TokenMeanLoss(toy.model, toy.batches(toy.retain, batch_size=size)) for size in (3, 10_000)
    )
    assert len(many.batches) > 1 == len(one.batches)
    assert many.tokens == one.tokens
    assert float(many().detach()) == pytest.approx(float(one().detach()), abs=1e-6)


def test_the_loss_may_be_over_whole_rows(toy):
    answers, rows = (toy.batches(toy.forget, loss_on=part) for part in ("answer", "row"))
    targets = [sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in some) for some in (answers, rows)]
    assert targets[0] < targets[1]
    assert all(batch["labels"].device == torch.device("cpu") for batch in rows)


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"rows": 10**6}, {"batch_size": 0}, {"loss_on": "everything"}]
)
def test_what_cannot_be_is_refused(toy, wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        toy.batches(toy.retain, **wrong)


def test_its_headline_is_a_line_of_text(toy):
    assert "parameters" in repr(toy)
    assert toy._headline in toy._repr_html_()
