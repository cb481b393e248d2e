"""The trace: intervals that cover it, of either sign."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy import stats

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.flatness import trace
from unlearnkit.flatness.estimate import mean_of
from unlearnkit.flatness.trace import sampled_trace

from .small import Dense
from .test_lanczos import matrix_with

METHODS = ("hutchinson", "hutch++")


class Negated(uk.TokenMeanLoss):
    """What gradient ascent goes down."""

    def batch_sum(self, index):
        return -super().batch_sum(index)


@pytest.mark.parametrize(("method", "sign"), [("hutchinson", 1), ("hutchinson", -1), ("hutch++", -1)])
def test_95_percent_intervals_cover_it_in_at_least_88_of_100_seeds(exact, method, sign):
    matrix = Dense(torch.from_numpy(sign * exact).float())
    true, seeds = sign * np.trace(exact), range(100) if sign > 0 else range(100, 200)
    found = [sampled_trace(matrix, samples=40, method=method, seed=seed) for seed in seeds]
    assert sum(one.interval[0] <= true <= one.interval[1] for one in found) >= 88
    assert sum(one.interval[1] - one.interval[0] for one in found) / 100 < 0.25 * abs(true)
    assert (
        abs(np.mean([one.estimate for one in found]) - true) < 4 * np.mean([one.stderr for one in found]) / 10
    )


def test_its_standard_error_is_that_of_theory(exact):
    found = sampled_trace(Dense(torch.from_numpy(exact).float()), samples=2000)
    theory = np.sqrt(2 * ((exact**2).sum() - (np.diag(exact) ** 2).sum()))
    assert found.stderr * np.sqrt(2000) == pytest.approx(theory, rel=0.1)


def test_of_the_models_hessian_it_is_that_of_the_matrix(loss, exact):
    ours = trace(loss, samples=5, seed=3)
    theirs = sampled_trace(Dense(exact), samples=5, seed=3)
    assert ours.estimate == pytest.approx(theirs.estimate, rel=1e-5)
    assert ours.stderr == pytest.approx(theirs.stderr, rel=1e-5)
    assert ours.name == "trace of the Hessian"


def test_of_a_negated_loss_it_is_the_negative(small, batches, loss):
    minus, plus = trace(Negated(small, batches), samples=12), trace(loss, samples=12)
    assert minus.estimate == -plus.estimate
    assert minus.stderr == plus.stderr
    assert minus.interval[0] < minus.estimate < minus.interval[1] < 0


def test_a_diagonal_matrix_needs_no_luck():
    found = sampled_trace(Dense(torch.diag(torch.tensor([3.0, -1.0, 0.5]))), samples=4)
    assert (found.estimate, found.stderr) == (2.5, 0.0)


def test_hutch_plus_plus_is_exact_on_a_matrix_of_small_rank():
    matrix = matrix_with([4.0, -3.0, 2.0] + [0.0] * 30)[0]
    plain, found = (sampled_trace(Dense(matrix), samples=15, method=method) for method in METHODS)
    assert found.estimate == pytest.approx(3.0, abs=1e-10)
    assert found.stderr < 1e-10 < plain.stderr


def test_hutch_plus_plus_with_more_samples_than_rows():
    matrix = matrix_with([4.0, -3.0])[0]
    assert sampled_trace(Dense(matrix), samples=30, method="hutch++").estimate == pytest.approx(1.0)


@pytest.mark.parametrize(("samples", "rank"), [(8, 2), (9, 3), (14, 3), (300, 3)])
def test_hutch_plus_plus_asks_for_no_more_directions_than_there_are(samples, rank):
    """Of three rows: with three directions the trace is exact, and further products are left to the rest."""
    matrix = Dense(torch.diag(torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)))
    found = sampled_trace(matrix, samples=samples, method="hutch++")
    assert found.samples == samples - 2 * rank
    assert found.hvps == matrix.products == samples
    if rank == 3:
        assert found.estimate == pytest.approx(2.5, abs=1e-12)
        assert found.stderr < 1e-12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("samples", [6, 7, 20])
def test_every_product_is_counted(exact, method, samples):
    matrix = Dense(exact)
    assert sampled_trace(matrix, samples=samples, method=method).hvps == matrix.products == samples


def test_a_seed_decides_all_bits(loss, random_state):
    before = random_state()
    one, same, other = (trace(loss, samples=3, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.estimate != other.estimate
    assert random_state() == before


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0, 7.0]
    found = mean_of("name", values, offset=10.0, hvps=4)
    low, high = stats.t.interval(0.95, 3, loc=13.5, scale=stats.sem(values))
    assert found.estimate == 13.5
    assert found.interval == pytest.approx((low, high))
    assert found.stderr == pytest.approx(stats.sem(values))
    assert json.loads(json.dumps(found.to_dict()))["samples"] == 4
    assert "13.5" in found._repr_html_()


def test_a_subspace_that_does_not_fit_is_refused(exact, monkeypatch):
    monkeypatch.setattr("unlearnkit.flatness.memory.free_bytes", lambda device: 10**5)
    with pytest.raises(BadInput, match=r"a subspace of rank 20.*0\.1 MB are free.*fewer samples"):
        sampled_trace(Dense(exact), samples=60, method="hutch++")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"samples": 1}, "samples must be an integer, 2 or above"),
        ({"samples": 5, "method": "hutch++"}, "samples must be an integer, 6 or above"),
        ({"method": "hutch"}, r'method.*"hutch".*hutchinson'),
        ({"seed": None}, "seed must be"),
    ],
)
def test_wrong_arguments_are_refused_by_name(loss, wrong, message):
    with pytest.raises(BadInput, match=message):
        trace(loss, **wrong)
