"""DPO with refusals: a refusal is preferred to the true answer, both against the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.losses import sequence_nll
from unlearnkit.objectives import IdkDPO


@pytest.fixture(scope="module")
def batches(asked):
    return asked(IdkDPO())


def alone(beta):
    """The forget term and nothing else."""
    return IdkDPO(beta=beta, retain_weight=0.0)


@pytest.mark.parametrize("beta", [0.05, 0.1, 0.7])
def test_the_value_is_the_formula_in_numpy(beta, reference, moved, rows, refusals, sums, batches):
    answer, refusal = ((sums(moved, part) - sums(reference, part)).numpy() for part in (rows[0], refusals))
    assert np.abs(answer - refusal).max() > 0.5
    expected = np.mean(2 / beta * np.log1p(np.exp(-beta * (answer - refusal))))
    assert alone(beta)(moved, *batches).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("beta", [0.05, 0.1, 1.0])
def test_at_the_reference_it_is_two_over_beta_times_ln_2(beta, reference, batches):
    assert alone(beta)(reference, *batches).item() == pytest.approx(2 / beta * math.log(2), rel=1e-6)


def test_at_the_reference_the_gradient_goes_up_on_answers_and_down_on_refusals(reference, batches):
    weights = list(reference.parameters())
    forget = batches[0]
    refused = {name: forget[f"refusal_{name}"] for name in ("input_ids", "attention_mask", "labels")}
    expected = torch.autograd.grad(
        sequence_nll(reference, refused).mean() - sequence_nll(reference, forget).mean(), weights
    )
    for mine, theirs in zip(
        torch.autograd.grad(alone(0.1)(reference, *batches), weights), expected, strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())


def test_known_wrong_variants_give_other_values(reference, moved, rows, refusals, sums, batches):
    beta, right = 0.1, alone(0.1)(moved, *batches).item()
    (now, before), (refused, refused_before) = (
        [sums(model, part).numpy() for model in (moved, reference)] for part in (rows[0], refusals)
    )
    wrong = {
        "the two answers exchanged": (refused - refused_before) - (now - before),
        "no reference": now - refused,
        "reference for one side only": (now - before) - refused,
        "the refusal left out, which is NPO": now - before,
    }
    for name, drop in wrong.items():
        assert abs(np.mean(2 / beta * np.log1p(np.exp(-beta * drop))) - right) > 0.005 * right, name


def test_refusals_answer_the_same_prompts(rows, refusals):
    for row, refusal in zip(rows[0], refusals, strict=True):
        assert refusal.prompt_ids == row.prompt_ids
        assert refusal.target_ids != row.target_ids


def test_without_refusals_nothing_is_made_up(reference, batches):
    bare = {key: value for key, value in batches[0].items() if not key.startswith("refusal_")}
    with pytest.raises(MissingReference, match=r"refusal_input_ids.*refusal_labels"):
        IdkDPO()(reference, bare, batches[1])
    with pytest.raises(MissingReference, match="refusal_input_ids"):
        IdkDPO().forget_reference(reference, bare)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf])
def test_beta_must_be_a_number_above_zero(beta):
    with pytest.raises(BadInput, match="beta"):
        IdkDPO(beta=beta)
