"""The density of all eigenvalues: near the exact one, without ghosts, with a band."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from unlearnkit.errors import BadInput
from unlearnkit.flatness import spectrum
from unlearnkit.flatness.spectrum import Spectrum, quadrature
from unlearnkit.randomness import generator

from .small import Dense
from .test_lanczos import by_recurrence_alone, matrix_with

ALLOWED = 0.01 / 1.96  # of the range: 0.01 where eigenvalues span 1.96


@pytest.fixture(scope="module")
def by_steps(exact):
    """Spectra of the exact matrix in float32, by steps a run."""
    matrix = torch.from_numpy(exact).float()
    return {steps: quadrature(Dense(matrix), runs=5, steps=steps) for steps in (60, 200)}


def distance(found, eigenvalues):
    """Wasserstein-1 to the exact spectrum, as a share of its range."""
    nodes, weights = np.concatenate(found.nodes), np.concatenate(found.weights)
    return wasserstein_distance(nodes, eigenvalues, weights) / np.ptp(eigenvalues)


def test_it_is_near_the_exact_spectrum_and_more_steps_do_no_harm(by_steps, eigenvalues):
    short, long = (distance(by_steps[steps], eigenvalues) for steps in (60, 200))
    assert short <= ALLOWED
    assert long <= 1.001 * short


def test_there_are_no_ghosts(by_steps, exact, eigenvalues):
    def copies(nodes):
        return int((np.abs(nodes - eigenvalues[-1]) < 1e-4).sum())

    assert [copies(nodes) for nodes in by_steps[200].nodes] == [1] * 5
    assert copies(by_recurrence_alone(torch.from_numpy(exact).float(), 200)) > 1


def test_its_outermost_nodes_are_the_outermost_eigenvalues(by_steps, eigenvalues):
    for nodes in by_steps[60].nodes:
        assert nodes[-1] == pytest.approx(eigenvalues[-1], rel=1e-5)
        assert nodes[0] == pytest.approx(eigenvalues[0], rel=1e-2)
        assert (np.diff(nodes) > 0).all()


def test_weights_of_a_run_sum_to_one(by_steps):
    for weights in by_steps[60].weights:
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)


def test_a_run_integrates_polynomials_exactly(exact):
    found = quadrature(Dense(exact), runs=2, steps=4, seed=5)
    for run, (nodes, weights) in enumerate(zip(found.nodes, found.weights, strict=True)):
        start = torch.randn(920, generator=generator(5, "spectrum", run)).double().numpy()
        start /= np.linalg.norm(start)
        powers = [start]
        for _ in range(7):
            powers.append(exact @ powers[-1])
        for degree in range(8):  # of 4 nodes: up to 2 * 4 - 1
            assert (weights * nodes**degree).sum() == pytest.approx(start @ powers[degree], rel=1e-9)


def test_of_the_models_hessian_it_is_that_of_the_matrix(loss, exact):
    ours, theirs = spectrum(loss, runs=2, steps=6), quadrature(Dense(exact), runs=2, steps=6)
    for one, other in zip(ours.nodes + ours.weights, theirs.nodes + theirs.weights, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert (ours.parameters, ours.hvps) == (920, 12)


def test_what_a_start_can_see_may_be_little():
    found = quadrature(Dense(matrix_with([2.0] * 6)[0]), runs=3, steps=60)
    assert [nodes.tolist() for nodes in found.nodes] == [[pytest.approx(2.0)]] * 3
    assert found.hvps == 3
    density = found.density(width=0.1)
    assert density.grid[density.mean.argmax()] == pytest.approx(2.0, abs=0.01)


def test_no_more_steps_than_weights():
    values = [-1.0, 0.0, 0.5, 3.0]
    found = quadrature(Dense(matrix_with(values)[0]), runs=1, steps=60)
    assert found.nodes[0] == pytest.approx(values, abs=1e-12)


def test_no_room_is_asked_for_more_steps_than_weights(monkeypatch):
    monkeypatch.setattr("unlearnkit.flatness.memory.free_bytes", lambda device: 8 * 4 * (4 + 6))
    assert quadrature(Dense(matrix_with([-1.0, 0.0, 0.5, 3.0])[0]), runs=1).hvps == 4


# The density and its band


def test_the_density_is_near_the_exact_one_smoothed_alike(by_steps, eigenvalues):
    found = by_steps[60].density(width=0.5, points=801)
    distances = (found.grid[:, None] - eigenvalues[None]) / 0.5
    exact = np.exp(-(distances**2) / 2).mean(axis=1) / (0.5 * np.sqrt(2 * np.pi))
    step = found.grid[1] - found.grid[0]
    assert np.abs(found.mean - exact).sum() * step < 0.05
    assert found.mean.sum() * step == pytest.approx(1, abs=1e-3)


def test_the_band_is_the_lowest_and_the_highest_run():
    nodes, weights = (
        [np.array([0.0, 1.0]), np.array([0.0, 1.0])],
        [np.array([0.2, 0.8]), np.array([0.6, 0.4])],
    )
    found = Spectrum(nodes, weights, 10, 4)
    density = found.density(width=0.05, points=3)
    middle, peak = 0.5, 1 / (0.05 * np.sqrt(2 * np.pi))
    assert density.grid.tolist() == pytest.approx([-0.2, middle, 1.2])
    density = found.density(width=0.05, points=15)  # 0 and 1 are on this grid
    at_zero = int(np.abs(density.grid).argmin())
    assert density.grid[at_zero] == pytest.approx(0)
    assert density.low[at_zero] == pytest.approx(0.2 * peak)
    assert density.mean[at_zero] == pytest.approx(0.4 * peak)
    assert density.high[at_zero] == pytest.approx(0.6 * peak)
    assert found.share(-0.5, 0.5) == pytest.approx((0.4, 0.2, 0.6))
    assert found.share(0.0, 1.0) == pytest.approx((1, 1, 1))


def test_by_default_the_width_is_a_hundredth_of_the_range(by_steps):
    found = by_steps[60]
    nodes = np.concatenate(found.nodes)
    default, same = found.density(), found.density(width=0.01 * np.ptp(nodes))
    assert np.array_equal(default.mean, same.mean)
    assert len(default.grid) == 401
    assert default.grid[0] == pytest.approx(nodes.min() - 0.04 * np.ptp(nodes))
    assert (default.low <= default.mean).all()
    assert (default.mean <= default.high).all()


def test_the_share_of_negative_eigenvalues_is_the_exact_one(by_steps, eigenvalues):
    mean, low, high = by_steps[200].share(-np.inf, -0.05)
    assert low <= mean <= high
    assert mean == pytest.approx((eigenvalues < -0.05).mean(), abs=0.03)


# Seeds, memory, and what is refused


def test_a_seed_decides_all_bits_and_runs_differ(loss, random_state):
    before = random_state()
    one, same, other = (spectrum(loss, runs=2, steps=3, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.nodes, same.nodes, strict=True))
    assert not np.array_equal(one.nodes[0], other.nodes[0])
    assert not np.array_equal(one.nodes[0], one.nodes[1])
    assert random_state() == before


def test_more_runs_leave_the_first_ones_as_they_are(exact):
    few, many = (quadrature(Dense(exact), runs=runs, steps=3) for runs in (1, 3))
    assert np.array_equal(few.nodes[0], many.nodes[0])


def test_a_basis_that_does_not_fit_is_refused_with_its_size(exact, monkeypatch):
    monkeypatch.setattr("unlearnkit.flatness.memory.free_bytes", lambda device: 10**5)
    with pytest.raises(
        BadInput, match=r"60 basis vectors of 920 numbers.*0\.486 MB.*0\.1 MB are free.*steps"
    ):
        quadrature(Dense(exact))


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"steps": 0}, {"steps": 2.5}, {"seed": 0.5}])
def test_wrong_arguments_are_refused_by_name(loss, wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        spectrum(loss, **wrong)


@pytest.mark.parametrize("wrong", [{"width": 0.0}, {"width": -1.0}, {"points": 1}])
def test_a_density_of_no_width_is_refused(by_steps, wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        by_steps[60].density(**wrong)


def test_a_result_is_ready_for_json(by_steps):
    content = json.loads(json.dumps(by_steps[60].to_dict()))
    assert content["nodes"][0] == by_steps[60].nodes[0].tolist()
    assert content["parameters"] == 920
    assert "300 products" in by_steps[60]._repr_html_()
