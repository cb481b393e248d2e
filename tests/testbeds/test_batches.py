"""Batches: padded on the right, masked by length, each row once an epoch."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unlearnkit.errors import BadInput
from unlearnkit.randomness import generator
from unlearnkit.testbeds.batches import collate, endless_chunks, length_class, shuffled_chunks, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded

sizes = st.integers(min_value=1, max_value=9)
lengths = st.lists(st.integers(min_value=2, max_value=40), min_size=1, max_size=60)


def rows_of(lengths) -> list[Encoded]:
    """Rows of these lengths, each with its own ids: row i holds 1000 i + 1, 1000 i + 2, …"""
    ids = [tuple(1000 * i + place for place in range(1, length + 1)) for i, length in enumerate(lengths)]
    return [Encoded(row, (-100, *row[1:])) for row in ids]


def test_a_batch_written_out():
    one, other = Encoded((1, 5, 2), (-100, 5, 2)), Encoded((1, 6, 7, 8, 2), (-100, -100, 7, 8, 2))
    batch = collate([one, other], pad_id=0)
    assert batch["input_ids"].tolist() == [[1, 5, 2, 0, 0], [1, 6, 7, 8, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [[-100, 5, 2, -100, -100], [-100, -100, 7, 8, 2]]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_the_mask_comes_from_lengths_although_the_pad_is_the_end_token():
    # trap 9: a mask of ids != pad hides the real end token, and labels of ids == pad train on padding
    short, long = Encoded((1, 5, 2), (-100, 5, 2)), Encoded((1, 6, 7, 8, 2), (-100, 6, 7, 8, 2))
    batch = collate([short, long], pad_id=2)
    assert batch["attention_mask"].sum(dim=1).tolist() == [3, 5]
    assert batch["attention_mask"][0, 2] == 1
    assert batch["labels"][0].tolist() == [-100, 5, 2, -100, -100]
    assert batch["labels"][1, -1] == 2


@given(lengths=lengths, pad_id=st.sampled_from([0, 2, 1001]))
def test_padding_can_be_taken_off_again(lengths, pad_id):
    rows = rows_of(lengths)
    batch = collate(rows, pad_id=pad_id)
    for i, row in enumerate(rows):
        real = batch["attention_mask"][i].bool()
        assert tuple(batch["input_ids"][i, real].tolist()) == row.input_ids
        assert tuple(batch["labels"][i, real].tolist()) == row.labels
        assert set(batch["input_ids"][i, ~real].tolist()) <= {pad_id}
        assert set(batch["labels"][i, ~real].tolist()) <= {-100}
        assert real.tolist() == sorted(real.tolist(), reverse=True)  # on the right


@given(lengths=lengths, size=sizes, seed=st.integers(0, 99))
def test_an_epoch_covers_each_row_once(lengths, size, seed):
    chunks = shuffled_chunks(rows_of(lengths), size, generator(seed))
    assert sorted(i for chunk in chunks for i in chunk) == list(range(len(lengths)))
    assert all(1 <= len(chunk) <= size for chunk in chunks)


@given(lengths=lengths, size=sizes, seed=st.integers(0, 99))
def test_a_training_batch_holds_one_length_class(lengths, size, seed):
    rows = rows_of(lengths)
    for chunk in shuffled_chunks(rows, size, generator(seed)):
        longest, shortest = max(lengths[i] for i in chunk), min(lengths[i] for i in chunk)
        assert longest < 2 * shortest or longest == shortest  # so less than half of a batch is padding


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (16, 4), (17, 5), (256, 8)],
)
def test_length_classes_end_at_powers_of_two(length, expected):
    assert length_class(rows_of([length])[0]) == expected


@given(lengths=lengths, size=sizes, seed=st.integers(0, 99))
def test_the_same_seed_gives_the_same_order_in_every_epoch(lengths, size, seed):
    rows = rows_of(lengths)
    one, other = (list(islice(endless_chunks(rows, size, generator(seed)), 40)) for _ in range(2))
    assert one == other


def test_another_seed_and_another_epoch_give_another_order():
    rows = rows_of([9] * 64)
    stream = endless_chunks(rows, 8, generator(0))
    first, second = list(islice(stream, 8)), list(islice(stream, 8))
    assert sorted(i for chunk in second for i in chunk) == list(range(64))
    assert first != second
    assert first != shuffled_chunks(rows, 8, generator(1))


def test_every_row_can_stand_anywhere():
    # over 200 seeds each of 6 rows comes first about as often: a shuffle, not a rotation
    rows = rows_of([9] * 6)
    firsts = [shuffled_chunks(rows, 1, generator(seed))[0][0] for seed in range(600)]
    assert all(60 < firsts.count(i) < 140 for i in range(6))  # 100 expected, standard deviation 9


@given(lengths=lengths, size=sizes)
def test_measuring_sees_each_row_once_in_order_of_length(lengths, size):
    chunks = sorted_chunks(rows_of(lengths), size)
    order = [i for chunk in chunks for i in chunk]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[i] for i in order] == sorted(lengths)
    assert all(len(chunk) == size for chunk in chunks[:-1])


@pytest.mark.gpu
def test_a_batch_is_made_on_the_gpu():
    assert all(tensor.is_cuda for tensor in collate(rows_of([3, 4]), pad_id=0, device="cuda").values())


def test_of_no_rows_no_batch_is_waited_for():
    with pytest.raises(BadInput, match="at least one"):
        next(endless_chunks([], 4, generator(0)))
