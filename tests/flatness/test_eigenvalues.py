"""The outermost eigenvalues: NumPy's, with bounds that hold, repeated ones too."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.flatness import top_eigenvalues
from unlearnkit.flatness.eigenvalues import outermost

from .small import Dense, full_hessian
from .test_lanczos import matrix_with

WHICH = {"LM": lambda values: -np.abs(values), "LA": lambda values: -values, "SA": lambda values: values}
every = pytest.mark.parametrize("which", WHICH)


def wanted(eigenvalues, which, k):
    values = np.asarray(eigenvalues)
    return values[np.argsort(WHICH[which](values), kind="stable")][:k]


# Against the whole matrix


@every
def test_in_true_double_they_are_numpys_to_six_digits(small, batches, eigenvalues, which):
    with uk.true_double(small) as double:
        loss = uk.TokenMeanLoss(double, batches)
        found = top_eigenvalues(loss, which=which)
        products = [uk.flatness.hessian_vector_product(loss, v) for v in found.vectors]
    assert found.converged
    assert found.values.numpy() == pytest.approx(wanted(eigenvalues, which, 5), rel=1e-6)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(5, dtype=torch.float64), atol=1e-10)
    rests = torch.stack(products) - found.values[:, None] * found.vectors
    assert torch.allclose(rests.norm(dim=1), found.residuals, atol=1e-10)


@pytest.mark.parametrize("which", ["LM", "SA"])
def test_in_float32_they_are_the_same_up_to_its_rounding(loss, eigenvalues, which):
    found = top_eigenvalues(loss, k=2, which=which)
    error = np.abs(found.values.numpy() - wanted(eigenvalues, which, 2))
    assert error.max() < 5e-6 * np.abs(eigenvalues).max()
    assert found.vectors.shape == (2, 920)


@every
@pytest.mark.parametrize("spent", [8, 14, 25])
def test_residuals_bound_the_error_at_any_time(exact, eigenvalues, which, spent):
    found = outermost(Dense(exact), 5, which=which, max_products=spent, tolerance=1e-13)
    assert not found.converged
    assert found.hvps == spent
    nearest = np.abs(found.values.numpy()[:, None] - eigenvalues[None]).min(axis=1)
    assert (nearest <= found.residuals.numpy() + 1e-12).all()
    measured = found.vectors @ torch.from_numpy(exact) - found.values[:, None] * found.vectors
    assert torch.allclose(measured.norm(dim=1), found.residuals, rtol=1e-6, atol=1e-11)
    assert "not converged" in found._repr_html_()


def test_as_many_as_there_are_weights(small, batches, exact):
    model = copy.deepcopy(small).requires_grad_(False)
    gains = [module.weight for module in model.modules() if type(module).__name__ == "LlamaRMSNorm"]
    for gain in gains:
        gain.requires_grad_(True)
    with uk.true_double(model) as double:
        loss = uk.TokenMeanLoss(double, batches)
        found, matrix = top_eigenvalues(loss, k=24, which="SA"), full_hessian(loss).numpy()
    assert found.values.numpy() == pytest.approx(np.linalg.eigvalsh(matrix), rel=1e-9, abs=1e-12)
    assert found.converged
    assert found.hvps == 24


# Whatever the spectrum


SPECTRA = {
    "repeated at the top": [5.0] * 3 + [1.0, 0.5, -0.2, -6.0],
    "repeated at both ends": [4.0] * 3 + [0.0] * 4 + [-4.0] * 3,
    "one": [7.0],
    "identity": [1.0] * 8,
    "zero": [0.0] * 5,
    "of rank two": [3.0, -2.0] + [0.0] * 12,
    "all negative": [-1.0, -2.0, -2.0, -3.0],
    "signs that tie": [2.0, -2.0, 1.0, -1.0],
    "close": [1.0, 1.0 - 1e-5, 1.0 - 2e-5, 0.3, 0.2, 0.1],
    "ordinary": list(np.linspace(-1, 2, 20)),
}


@every
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-4), (torch.float64, 1e-8)])
def test_they_are_right_for_every_k(name, which, dtype, allowed):
    spectrum = SPECTRA[name]
    matrix = matrix_with(spectrum)[0].to(dtype)
    for k in range(1, len(spectrum) + 1):
        found = outermost(Dense(matrix), k, which=which, tolerance=allowed / 10)
        right, values = wanted(spectrum, which, k), found.values.numpy()
        if which == "LM":  # which of two that tie comes first is open
            right, values = np.abs(right), np.abs(values)
        assert found.converged
        assert values == pytest.approx(right, abs=allowed)
        assert (found.vectors @ found.vectors.T - torch.eye(k)).abs().max() < allowed / 10


def test_a_spectrum_cut_short_at_a_repeated_value_is_not_called_converged():
    matrix = matrix_with([5.0] * 3 + [1.0, 0.5, -0.2, -6.0])[0]
    found = outermost(Dense(matrix), 3, which="LA", max_products=5)  # one of each value was seen
    assert not found.converged


def test_a_loose_tolerance_takes_fewer_products(exact):
    counts = [outermost(Dense(exact), 5, tolerance=t).hvps for t in (1e-1, 1e-4, 1e-10)]
    assert counts == sorted(counts)
    assert counts[0] < counts[2] <= 80


# Seeds, cost and memory


def test_a_seed_decides_all_bits_and_no_seed_the_values(loss, random_state):
    before = random_state()
    one, same, other = (top_eigenvalues(loss, k=1, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.values, same.values)
    assert torch.equal(one.vectors, same.vectors)
    assert not torch.equal(one.vectors, other.vectors)
    assert torch.allclose(one.values, other.values, rtol=1e-5)
    assert random_state() == before


def test_every_product_is_counted(exact):
    matrix = Dense(exact)
    found = outermost(matrix, 3)
    assert found.hvps == matrix.products <= 8 * 3 + 40
    assert outermost(matrix, 3, max_products=4).hvps == 4


def test_the_model_is_left_as_it_was(small, batches, fingerprint):
    model = copy.deepcopy(small).train()
    before = fingerprint(model)
    top_eigenvalues(uk.TokenMeanLoss(model, batches), k=1, max_products=3)
    assert fingerprint(model) == before


def test_a_basis_that_does_not_fit_is_refused_with_its_size_before_any_product(exact, monkeypatch):
    monkeypatch.setattr("unlearnkit.flatness.memory.free_bytes", lambda device: 10**5)
    matrix = Dense(exact)
    with pytest.raises(
        BadInput, match=r"80 basis vectors of 920 numbers.*0\.67 MB.*0\.1 MB are free.*max_products"
    ):
        outermost(matrix, 5)
    assert matrix.products == 0


def test_no_room_is_asked_for_more_products_than_rows(monkeypatch):
    monkeypatch.setattr("unlearnkit.flatness.memory.free_bytes", lambda device: 8 * 4 * (4 + 2 + 6))
    assert outermost(Dense(matrix_with([1.0, 2.0, 3.0, 4.0])[0]), 2, max_products=100).hvps == 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, "k must be an integer, 1 or above"),
        ({"k": 921}, "k must be.*920 or below, not 921.*more eigenvalues than weights"),
        ({"k": 2.0}, "k must be an integer"),
        ({"which": "LR"}, "which.*LM, LA, SA"),
        ({"tolerance": 0.0}, "tolerance must be"),
        ({"k": 5, "max_products": 4}, "max_products must be an integer, 5 or above"),
        ({"seed": "one"}, "seed must be"),
    ],
)
def test_wrong_arguments_are_refused_by_name(loss, wrong, message):
    calls = []
    with loss.model.register_forward_hook(lambda *_: calls.append(1)), pytest.raises(BadInput, match=message):
        top_eigenvalues(loss, **wrong)
    assert not calls


def test_a_loss_that_is_no_number_is_refused(small, batches):
    model = copy.deepcopy(small)
    with torch.no_grad():
        model.model.norm.weight[0] = torch.inf
    with pytest.raises(BadInput, match="no curvature"):
        top_eigenvalues(uk.TokenMeanLoss(model, batches))


def test_a_result_is_ready_for_json(exact):
    found = outermost(Dense(exact), 2)
    content = json.loads(json.dumps(found.to_dict()))
    assert content["values"] == found.values.tolist()
    assert content["which"] == "LM"
    assert content["converged"]
    assert f"{found.values[0]:.5g}" in found._repr_html_()
