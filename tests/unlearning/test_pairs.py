"""Pairs of batches: both streams run on their own."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from unlearnkit.unlearning.pairs import Side, paired_batches

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows(toy):
    return toy.encode(toy.forget), toy.encode(toy.retain)


def take(forget, retain, count, *, seed=0):
    sides = (Side(rows, pad_id=0, device=CPU) for rows in (forget, retain))
    return list(islice(paired_batches(*sides, batch_size=4, seed=seed), count))


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
