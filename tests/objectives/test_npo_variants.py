"""NPO as MUSE's and as SOUL's code have it, each reproduced from what that code computes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.objectives import NPO
from unlearnkit.testbeds.batches import collate

INPUTS = ("input_ids", "attention_mask")


def as_muse(model, reference, batch, beta):
    """MUSE's loss: a difference of two tensors of logits, and nothing else."""
    now, before = (m(**{key: batch[key] for key in INPUTS}).logits for m in (model, reference))
    return -F.logsigmoid(beta * (before - now)).mean() * 2 / beta


def as_soul(model, reference, batch, beta):
    """SOUL's loss: of Hugging Face's own loss of the batch."""
    now, before = (m(**{key: batch[key] for key in (*INPUTS, "labels")}).loss for m in (model, reference))
    return -F.logsigmoid(beta * (now - before)).mean() * 2 / beta


@pytest.fixture(scope="module")
def unpadded(rows):
    """Rows of one length, as MUSE's chunks of a book are."""
    length = max({len(row.input_ids) for row in rows[0]}, key=[len(row.input_ids) for row in rows[0]].count)
    return collate([row for row in rows[0] if len(row.input_ids) == length], pad_id=0)


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_muses_code_is_reproduced(beta, reference, moved, unpadded, batches, carried):
    objective = NPO(beta=beta, variant="muse_bench")
    forget, _ = carried(objective, reference, (unpadded, batches[1]))
    expected = as_muse(moved, reference, unpadded, beta).item()
    assert objective.forget_term(moved, forget).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_souls_code_is_reproduced(beta, reference, moved, batches, carried):
    objective = NPO(beta=beta, variant="soul")
    forget, _ = carried(objective, reference, batches)
    expected = as_soul(moved, reference, batches[0], beta).item()
    assert objective.forget_term(moved, forget).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("variant", ["paper", "muse_bench", "soul"])
def test_at_the_reference_all_have_the_same_value(variant, reference, batches, carried):
    objective = NPO(variant=variant)
    loss = objective.forget_term(reference, carried(objective, reference, batches)[0])
    assert loss.item() == pytest.approx(20 * math.log(2), rel=1e-5)


def test_muses_gradient_at_the_reference_is_the_same_whatever_is_to_be_forgotten(
    reference, batches, carried, rows
):
    # the labels are not looked at: other answers to the same tokens, the same way down
    objective = NPO(variant="muse_bench")
    forget, _ = carried(objective, reference, batches)
    other = {**forget, "labels": forget["labels"].where(forget["labels"] == -100, 5)}
    assert objective.forget_term(reference, forget).item() == objective.forget_term(reference, other).item()


def test_souls_gradient_at_the_reference_is_ascents_on_the_token_mean(reference, batches, carried):
    objective = NPO(variant="soul", retain_weight=0.0)
    weights = list(reference.parameters())
    loss = objective.forget_term(reference, carried(objective, reference, batches)[0])
    mean = reference(**{key: batches[0][key] for key in (*INPUTS, "labels")}).loss
    pairs = (torch.autograd.grad(each, weights) for each in (loss, mean))
    for ours, descent in zip(*pairs, strict=True):
        torch.testing.assert_close(ours, -descent, rtol=1e-3, atol=1e-5)


def test_souls_weights_no_row_apart(double_gpt2, batches, carried):
    # one row forgotten by far: the paper's weight of it is 0, SOUL's is every row's
    nll = torch.tensor([500.0, 10.0], dtype=torch.float64, requires_grad=True)
    before = torch.tensor([10.0, 10.0], dtype=torch.float64)
    for value, expected in ((nll, 0.0), (nll.sum() / 20, 0.5)):
        loss = -F.logsigmoid(0.1 * (value - (before if value.dim() else before.sum() / 20))).mean() * 20
        (gradient,) = torch.autograd.grad(loss, nll, retain_graph=True)
        assert (gradient[0] / gradient.sum()).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("variant", ["muse_bench", "soul"])
def test_the_gradient_is_the_finite_difference_in_double(variant, double_gpt2, slopes, batches, carried):
    objective = NPO(variant=variant)
    pair = carried(objective, double_gpt2(1), batches)
    slope, difference = slopes(lambda model: objective(model, *pair), double_gpt2())
    assert slope == pytest.approx(difference, rel=1e-6)


def test_they_are_three_losses(reference, moved, batches, carried):
    found = []
    for variant in ("paper", "muse_bench", "soul"):
        objective = NPO(variant=variant)
        found.append(objective.forget_term(moved, carried(objective, reference, batches)[0]).item())
    assert min(abs(a - b) for a, b in ((found[0], found[1]), (found[0], found[2]))) > 0.05


def test_an_unknown_variant_and_a_missing_reference_are_refused(moved, batches):
    with pytest.raises(BadInput, match="variant"):
        uk.objectives.create("npo", variant="tofu")
    with pytest.raises(MissingReference, match="reference_logits"):
        NPO(variant="muse_bench").forget_term(moved, batches[0])
