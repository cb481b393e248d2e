"""SimNPO is the paper's formula of the mean likelihood a token; gamma stands where each code has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.objectives import SimNPO, simnpo_loss


@pytest.fixture(scope="module")
def means(rows, moved, sums):
    """Nats a token of each forget row, in numpy."""
    lengths = np.array([len(row.target_ids) for row in rows[0]])
    return sums(moved, rows[0]).numpy() / lengths


def formula(nll, beta, margin):
    """-(2 / beta) mean log sigmoid(beta nll - margin), written out."""
    return np.mean(2 / beta * np.log1p(np.exp(-(beta * nll - margin))))


@pytest.mark.parametrize(("beta", "gamma"), [(0.3, 0.0), (0.3, 1.5), (1.0, 2.0)])
def test_the_value_is_the_formula_in_numpy(beta, gamma, means, moved, batches):
    for variant, margin in (("paper", gamma), ("open_unlearning", beta * gamma)):
        objective = SimNPO(beta=beta, gamma=gamma, variant=variant, retain_weight=0.0)
        value = objective(moved, *batches).item()
        assert value == pytest.approx(formula(means, beta, margin), rel=1e-4)


def test_where_gamma_stands_is_another_number(moved, batches):
    paper, theirs = (
        SimNPO(beta=0.3, gamma=1.5, variant=variant, retain_weight=0.0)(moved, *batches).item()
        for variant in ("paper", "open_unlearning")
    )
    assert paper > 1.2 * theirs  # 1.5 off the bracket, not 0.45


def test_known_wrong_variants_give_other_values(rows, means, sums, moved, batches):
    beta, right = 0.3, SimNPO(beta=0.3, retain_weight=0.0)(moved, *batches).item()
    lengths = np.array([len(row.target_ids) for row in rows[0]])
    wrong = {
        "sum over tokens": formula(means * lengths, beta, 0.0),
        "mean over the batch": formula((means * lengths).sum() / lengths.sum(), beta, 0.0),
        "every place counted": formula(means * lengths / batches[0]["labels"].shape[1], beta, 0.0),
        "wrong sign": formula(-means, beta, 0.0),
        "no 2 / beta": formula(means, beta, 0.0) * beta / 2,
    }
    for name, value in wrong.items():
        assert abs(value - right) > 0.005 * right, name


def test_it_falls_as_rows_are_forgotten_and_what_is_forgotten_weighs_nothing():
    nll = torch.tensor([0.0, 2.0, 50.0], dtype=torch.float64, requires_grad=True)
    simnpo_loss(nll, 2.5).backward()
    # d loss / d nll = -2 (1 - sigmoid(beta nll)) / rows
    expected = [-2 / 3 * (1 - 1 / (1 + math.exp(-2.5 * at))) for at in (0.0, 2.0, 50.0)]
    assert nll.grad.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_row_known_by_heart_costs_two_over_beta_times_ln_2():
    known = torch.zeros(3)
    assert simnpo_loss(known, 2.5).item() == pytest.approx(2 / 2.5 * math.log(2))
    assert simnpo_loss(known, 2.5, margin=1.0).item() == pytest.approx(2 / 2.5 * math.log1p(math.e))


def test_a_larger_margin_asks_for_more(means):
    losses = [simnpo_loss(torch.tensor(means), 0.3, margin).item() for margin in (0.0, 0.5, 3.0)]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1]


@pytest.mark.parametrize("options", [{"beta": 0.0}, {"beta": math.nan}, {"gamma": -0.1}, {"gamma": "0"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(BadInput, match=next(iter(options))):
        uk.objectives.create("simnpo", **options)


def test_an_unknown_variant_is_refused():
    with pytest.raises(UnknownName, match="paper, open_unlearning"):
        SimNPO(variant="muse")
