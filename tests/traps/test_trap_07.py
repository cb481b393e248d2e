"""Trap 7: UNDIAL over prompt and padding, with the label -100 taken as an index from the vocabulary's end."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.objectives import UNDIAL
from unlearnkit.testbeds.batches import collate


@torch.no_grad()
def averaged_over_everything(model, reference, batch, strength: float) -> float:
    """What open-unlearning computes: every place, and where there is no target another token is lowered."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    now, before = (m(**inputs).logits[:, :-1] for m in (model, reference))
    labels = batch["labels"][:, 1:]
    lowered = before - strength * F.one_hot(labels % before.shape[-1], before.shape[-1])
    found = F.cross_entropy(now.flatten(0, 1), lowered.softmax(-1).flatten(0, 1))
    return found.item()


@pytest.fixture
def batch(toy):
    """Four rows, padded."""
    return collate(toy.encode(toy.forget)[4:8], pad_id=0)


@pytest.fixture
def ours(make_llama):
    """Our loss of a model on a batch."""

    def of(model, batch, strength=10.0):
        objective = UNDIAL(strength=strength)
        said = {k: torch.cat(list(v)) for k, v in objective.forget_reference(make_llama(0), batch).items()}
        return objective.forget_term(model, {**batch, **said})

    return of


def test_a_label_of_minus_100_is_an_index_from_the_end():
    row = torch.zeros(1, 300)
    row[0, torch.tensor([-100])] = 1.0  # no error, and another token
    assert row.argmax().item() == 200


def test_the_value_is_another_one_and_padding_changes_it(batch, make_llama, noisy, ours):
    reference, model = make_llama(0), noisy(make_llama(0), 0.05)
    longer = {
        key: F.pad(batch[key], (0, 9), value=fill)
        for key, fill in (("input_ids", 0), ("attention_mask", 0), ("labels", -100))
    }
    theirs = [averaged_over_everything(model, reference, each, 10.0) for each in (batch, longer)]
    mine = [ours(model, each).item() for each in (batch, longer)]
    assert mine[0] == pytest.approx(mine[1], rel=1e-6)
    assert abs(theirs[0] - theirs[1]) > 2e-4 * theirs[0]
    assert abs(theirs[0] - mine[0]) > 2e-4 * mine[0]
