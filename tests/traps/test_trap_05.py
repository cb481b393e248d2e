"""Trap 5: NPO sums an answer's log-probabilities; raw logits and means over tokens change what beta means."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from unlearnkit.losses import sequence_nll
from unlearnkit.objectives import NPO
from unlearnkit.testbeds.batches import collate

BETA = 0.5


@pytest.fixture(scope="module")
def pair(toy, make_llama, noisy):
    """The reference, and a model some way off."""
    reference = make_llama(0)
    return reference, noisy(reference, 0.05)


@pytest.fixture(scope="module")
def batch(toy, pair):
    """Rows of different lengths, with the reference's sums."""
    rows = collate(toy.encode(toy.forget)[4:10], pad_id=0)
    return rows | {"reference_nll": sequence_nll(pair[0], rows).detach()}


def counts(batch) -> torch.Tensor:
    return (batch["labels"][:, 1:] != -100).sum(dim=1)


def preference(drop: torch.Tensor) -> torch.Tensor:
    return -(2 / BETA) * F.logsigmoid(BETA * drop).mean()


def muse(model, reference, batch) -> torch.Tensor:
    """Every logit of every place, no softmax, no labels."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        before = reference(**inputs).logits
    return preference(before - model(**inputs).logits)


def token_means(model, reference, batch) -> torch.Tensor:
    """Each row's mean in place of its sum."""
    before = batch["reference_nll"] / counts(batch)
    return preference(sequence_nll(model, batch) / counts(batch) - before)


def soul(model, reference, batch) -> torch.Tensor:
    """One mean over all tokens of the batch."""
    total = counts(batch).sum()
    return preference((sequence_nll(model, batch).sum() - batch["reference_nll"].sum()) / total)


WRONG = {"muse": muse, "token means": token_means, "soul": soul}


def gradient(loss: torch.Tensor, model) -> torch.Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))])


def test_at_the_reference_the_value_says_nothing_and_the_gradient_tells_them_apart(pair, batch):
    reference, _ = pair
    ascent = -gradient(sequence_nll(reference, batch).mean(), reference)
    ours = NPO(beta=BETA).forget_term(reference, batch)
    assert ours.item() == pytest.approx(2 / BETA * math.log(2), rel=1e-5)
    torch.testing.assert_close(gradient(ours, reference), ascent, rtol=1e-3, atol=1e-3 * ascent.abs().max())
    for name, wrong in WRONG.items():
        loss = wrong(reference, reference, batch)
        assert loss.item() == pytest.approx(2 / BETA * math.log(2), rel=1e-5), name
        assert (gradient(loss, reference) - ascent).norm() > 0.1 * ascent.norm(), name


@pytest.mark.parametrize("name", WRONG)
def test_away_from_it_the_values_differ(name, pair, batch):
    reference, moved = pair
    right = NPO(beta=BETA).forget_term(moved, batch).item()
    assert abs(WRONG[name](moved, reference, batch).item() - right) > 0.05 * right


def test_a_mean_over_n_tokens_is_a_beta_n_times_smaller(pair, batch):
    reference, moved = pair
    one = {key: value[2:3] for key, value in batch.items()}
    n = counts(one).item()
    assert n > 2
    theirs = token_means(moved, reference, one)
    ours = NPO(beta=BETA / n).forget_term(moved, one) / n
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-5)
