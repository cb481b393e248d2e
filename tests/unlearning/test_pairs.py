"""Pairs of batches: both streams run on their own, and a reference stays with its row."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from unlearnkit.testbeds.batches import collate
from unlearnkit.unlearning.pairs import paired_batches, reference_sums

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows(toy):
    return toy.encode(toy.forget), toy.encode(toy.retain)


def take(forget, retain, count, **options):
    given = {"batch_size": 4, "seed": 0, "pad_id": 0, "device": CPU, **options}
    return list(islice(paired_batches(forget, retain, **given), count))


def texts(batches) -> list[list[tuple[int, ...]]]:
    """The rows of each batch, without padding."""
    return [
        [
            tuple(ids[mask.bool()].tolist())
            for ids, mask in zip(b["input_ids"], b["attention_mask"], strict=True)
        ]
        for b in batches
    ]


def test_the_pairs_go_on_and_cover_every_row_each_epoch(rows):
    forget, retain = rows
    pairs = take(forget, retain, 120)
    for side, source in ((0, forget), (1, retain)):
        seen = [row for batch in texts(pair[side] for pair in pairs) for row in batch]
        epoch = sorted(row.input_ids for row in source)
        assert sorted(seen[: len(source)]) == epoch
        assert sorted(seen[len(source) : 2 * len(source)]) == epoch


def test_another_retain_set_does_not_reorder_the_forget_rows(rows):
    forget, retain = rows
    one, other = take(forget, retain, 20), take(forget, retain[:7], 20)
    assert texts(pair[0] for pair in one) == texts(pair[0] for pair in other)
    assert texts(pair[1] for pair in one) != texts(pair[1] for pair in other)


def test_the_two_sides_are_shuffled_apart(rows):
    forget, _ = rows
    pairs = take(forget, forget, 20)  # the same rows on both sides
    assert texts(pair[0] for pair in pairs) != texts(pair[1] for pair in pairs)


def test_the_seed_decides_the_order(rows):
    one, same, other = take(*rows, 10), take(*rows, 10), take(*rows, 10, seed=1)
    assert texts(pair[0] for pair in one) == texts(pair[0] for pair in same)
    assert texts(pair[0] for pair in one) != texts(pair[0] for pair in other)
    assert texts(pair[1] for pair in one) != texts(pair[1] for pair in other)


def test_a_reference_travels_with_its_row(rows):
    forget, retain = rows
    number_of = {row.input_ids: float(i) for i, row in enumerate(forget)}
    pairs = take(forget, retain, 60, reference_nll=torch.arange(len(forget), dtype=torch.float32))
    for batch, _ in pairs:
        assert batch["reference_nll"].tolist() == [number_of[row] for row in texts([batch])[0]]
    assert "reference_nll" not in take(forget, retain, 1)[0][0]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_reference_sums_are_hugging_faces_losses_row_by_row(batch_size, rows, toy):
    forget = rows[0]
    sums = reference_sums(toy.model, forget, batch_size=batch_size, pad_id=0)
    assert not sums.requires_grad
    for row, ours in list(zip(forget, sums, strict=True))[::3]:
        batch = collate([row], pad_id=0)
        mean = toy.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss.item()
        assert ours.item() == pytest.approx(mean * len(row.target_ids), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_reference_is_taken_without_dropout(training, rows, make_llama):
    forget = rows[0][:6]
    steady = reference_sums(make_llama(0), forget, batch_size=3, pad_id=0)
    model = make_llama(0, attention_dropout=0.5).train(training)
    assert torch.equal(reference_sums(model, forget, batch_size=3, pad_id=0), steady)
    assert model.training is training
