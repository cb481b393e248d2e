"""Teacher forcing: every target token in its place, whatever the batch."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.metrics.forced import teacher_forced


@pytest.fixture(scope="module")
def rows(toy):
    return [*toy.encode(toy.retain)[:10], *toy.encode(toy.forget)[:10]]


@pytest.mark.parametrize("rows_at_once", [1, 6, 128])
@pytest.mark.parametrize("pad_id", [0, 2])
def test_each_row_is_scored_as_if_alone(rows_at_once, pad_id, toy, rows):
    found = teacher_forced(toy.model, rows, pad_id=pad_id, rows_at_once=rows_at_once)
    for row, forced in zip(rows, found, strict=True):
        nll, hits = _by_hand(toy.model, row)
        assert forced.nll == pytest.approx(nll, rel=1e-5)
        assert forced.hits == hits


def test_a_hit_is_the_models_own_choice(toy, rows):
    # whatever the model would say is all hits, the end token included; another token in its place is a miss
    for row in rows[:4]:
        logits = toy.model(input_ids=torch.tensor([row.input_ids])).logits[0]
        first = len(row.prompt_ids)
        chosen = logits[first - 1].argmax().item()
        for token, expected in ((chosen, True), ((chosen + 1) % 1000, False)):
            ids = (*row.prompt_ids, token, *row.input_ids[first + 1 :])
            labels = (*row.labels[:first], token, *row.labels[first + 1 :])
            (forced,) = teacher_forced(toy.model, [type(row)(ids, labels)], pad_id=0)
            assert forced.hits[0] is expected
            assert len(forced.hits) == len(row.target_ids)


def test_the_target_hits_everything_it_was_taught(lab):
    known = teacher_forced(lab.model, lab.encode(lab.forget_shown), pad_id=lab.tokenizer.pad_token_id)
    assert sum(all(row.hits) for row in known) >= 0.95 * len(known)


def test_no_rows_are_no_work(toy):
    assert teacher_forced(toy.model, [], pad_id=0) == []


@torch.no_grad()
def _by_hand(model, row) -> tuple[float, tuple[bool, ...]]:
    logits = model(input_ids=torch.tensor([row.input_ids])).logits[0].double()
    places = [at for at, label in enumerate(row.labels) if label != -100]
    losses = [-logits[at - 1].log_softmax(dim=-1)[row.labels[at]].item() for at in places]
    return sum(losses), tuple(logits[at - 1].argmax().item() == row.labels[at] for at in places)
