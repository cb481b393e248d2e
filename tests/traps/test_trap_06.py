"""Trap 6: RMU's mean over a batch; open-unlearning divides each row's sum by every row's count."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.objectives import RMU
from unlearnkit.objectives.rmu import _averaged
from unlearnkit.testbeds.batches import collate

# Two rows, of four places and of one; their squared distances add up to 4 and to 1.
COUNTS, SUMS = torch.tensor([4, 1]), torch.tensor([4.0, 1.0])


def places() -> torch.Tensor:
    """Which places count: (2, 4)."""
    return torch.arange(4)[None] < COUNTS[:, None]


def distances() -> torch.Tensor:
    """The squared distance at each place that counts, row after row."""
    return (SUMS / COUNTS).repeat_interleave(COUNTS)


def test_the_broadcast_of_b_and_b_by_1_gives_what_open_unlearning_gives():
    wrong = (SUMS / COUNTS[:, None]).mean().item()  # (b,) over (b, 1) is (b, b)
    assert wrong == 1.5625
    assert _averaged(distances(), places(), "open_unlearning").item() == 1.5625
    assert _averaged(distances(), places(), "paper").item() == 1.0


def test_one_row_a_batch_hides_it():
    for row in (0, 1):
        one = SUMS[row : row + 1] / COUNTS[row : row + 1, None]
        mask, found = places()[row : row + 1], distances().split(COUNTS.tolist())[row]
        assert _averaged(found, mask, "paper").item() == one.mean().item()
        assert _averaged(found, mask, "open_unlearning").item() == one.mean().item()


@pytest.mark.parametrize("variant", ["paper", "open_unlearning"])
def test_more_padding_changes_the_authors_code_and_not_these(variant, toy, make_llama):
    batch = collate(toy.encode(toy.forget)[4:8], pad_id=0)
    longer = {
        key: torch.nn.functional.pad(batch[key], (0, 9), value=fill)
        for key, fill in (("input_ids", 0), ("attention_mask", 0), ("labels", -100))
    }
    model = make_llama(0)

    def change(**options):
        """How much padding changes the loss, as a share of it."""
        objective = RMU(adaptive=False, retain="nll", retain_weight=0.0, **options)
        short, long = (objective.forget_term(model, each).item() for each in (batch, longer))
        return abs(long - short) / short

    assert change(variant=variant) < 1e-5
    assert change(variant="wmdp") > 1e-3
