"""Trap 8: the divergence that keeps counts targets only, and compares log-probabilities, not logits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.objectives import GradDiff
from unlearnkit.objectives.retain import target_log_probs
from unlearnkit.testbeds.batches import collate


@pytest.fixture(scope="module")
def pair(make_llama, noisy):
    """The reference, and a model some way off."""
    reference = make_llama(0)
    return reference, noisy(reference, 0.05)


@pytest.fixture(scope="module")
def batch(toy, pair):
    """Rows of different lengths, with the reference's predictions."""
    rows = collate(toy.encode(toy.retain)[4:10], pad_id=0)
    return rows | {"reference_log_probs": torch.cat(target_log_probs(pair[0], rows))}


def ours(model, batch) -> float:
    return GradDiff(retain="kl").retain_term(model, batch).item()


@torch.no_grad()
def logits(model, batch):
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def over_all_places(model, reference, batch) -> float:
    """What open-unlearning averages: prompt and padding too."""
    now, before = (logits(m, batch).log_softmax(-1).flatten(0, 1) for m in (model, reference))
    return F.kl_div(now, before, reduction="batchmean", log_target=True).item()


def of_raw_logits(model, reference, batch) -> float:
    """What MUSE's code hands to kl_div: logits where log-probabilities belong."""
    now, before = (logits(m, batch).flatten(0, 1) for m in (model, reference))
    return F.kl_div(now, before, reduction="batchmean", log_target=True).item()


@pytest.mark.parametrize("wrong", [over_all_places, of_raw_logits])
def test_known_wrong_divergences_give_other_numbers(wrong, pair, batch):
    reference, moved = pair
    right = ours(moved, batch)
    assert right > 0.05
    assert abs(wrong(moved, reference, batch) - right) > 0.02 * right


def test_more_padding_changes_theirs_and_not_ours(pair, batch):
    reference, moved = pair
    wider = dict(batch)
    for key, fill in (("input_ids", 0), ("attention_mask", 0), ("labels", -100)):
        wider[key] = F.pad(batch[key], (0, 40), value=fill)
    assert ours(moved, wider) == pytest.approx(ours(moved, batch), rel=1e-5)
    theirs = [over_all_places(moved, reference, given) for given in (batch, wider)]
    assert theirs[1] != pytest.approx(theirs[0], rel=0.01)


def test_only_a_divergence_sees_no_shift_of_all_logits(pair, batch):
    reference, _ = pair

    class Shifted(torch.nn.Module):
        """The reference, whose logits are all higher by 3: the same predictions."""

        def forward(self, **inputs):
            output = reference(**inputs)
            output.logits = output.logits + 3.0
            return output

    assert abs(ours(Shifted().requires_grad_(), batch)) < 1e-4
    assert abs(of_raw_logits(Shifted(), reference, batch)) > 1.0
