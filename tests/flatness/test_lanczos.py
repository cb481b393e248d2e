"""Lanczos: an orthonormal basis in which the matrix is tridiagonal, whatever its eigenvalues are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unlearnkit.flatness.lanczos import Lanczos, orthogonal_to
from unlearnkit.randomness import generator


def matrix_with(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues and random eigenvectors, which are its columns' order."""
    source = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(eigenvalues), len(eigenvalues), generator=source, dtype=torch.float64)
    vectors = torch.linalg.qr(drawn)[0]
    return vectors @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ vectors.T, vectors


def run(matrix, steps, start=None):
    if start is None:
        start = torch.randn(len(matrix), generator=torch.Generator().manual_seed(1)).to(matrix)
    lanczos = Lanczos(matrix.__matmul__, start, steps, generator(0, "fresh"))
    for _ in range(steps):
        lanczos.advance()
    return lanczos


def tridiagonal(lanczos):
    off = np.array(lanczos.beside[:-1])
    return torch.from_numpy(np.diag(lanczos.diagonal) + np.diag(off, 1) + np.diag(off, -1))


@pytest.mark.parametrize("steps", [1, 2, 30, 200])
def test_the_matrix_is_tridiagonal_in_an_orthonormal_basis(exact, steps):
    matrix = torch.from_numpy(exact)
    lanczos = run(matrix, steps)
    basis = lanczos.basis
    assert (basis @ basis.T - torch.eye(steps)).abs().max() < 1e-13
    assert (basis @ matrix @ basis.T - tridiagonal(lanczos)).abs().max() < 1e-11
    outside = basis @ matrix - tridiagonal(lanczos) @ basis  # a remainder in the last row only
    assert outside[:-1].norm() < 1e-11
    assert float(outside[-1].norm()) == pytest.approx(lanczos.beside[-1], rel=1e-9)


def test_in_float32_the_basis_is_as_orthonormal_as_rounding_allows(exact):
    basis = run(torch.from_numpy(exact).float(), 200).basis
    assert (basis @ basis.T - torch.eye(200)).abs().max() < 1e-6


def test_ritz_pairs_and_their_residuals(exact):
    matrix = torch.from_numpy(exact)
    lanczos = run(matrix, 25)
    values, vectors = lanczos.ritz()
    assert torch.allclose(values, torch.linalg.eigvalsh(tridiagonal(lanczos)))
    found = vectors.T @ lanczos.basis
    measured = (found @ matrix - values[:, None] * found).norm(dim=1)
    assert torch.allclose(lanczos.residuals(vectors), measured, atol=1e-12)


def by_recurrence_alone(matrix, steps):
    """The textbook's three terms, without re-orthogonalisation: what brings ghosts."""
    start = torch.randn(len(matrix), generator=torch.Generator().manual_seed(1)).to(matrix)
    basis, diagonal, beside = [start / start.norm()], [], []
    for _ in range(steps):
        product = matrix @ basis[-1]
        diagonal.append(float(product @ basis[-1]))
        product = product - diagonal[-1] * basis[-1] - (beside[-1] * basis[-2] if beside else 0)
        beside.append(float(product.norm()))
        basis.append(product / beside[-1])
    return np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))


def test_there_are_no_ghosts(exact, eigenvalues):
    matrix = torch.from_numpy(exact)

    def copies(found):
        return int((np.abs(np.asarray(found) - eigenvalues[-1]) < 1e-6).sum())

    assert copies(run(matrix, 200).ritz()[0]) == 1
    assert copies(by_recurrence_alone(matrix, 200)) > 1  # the check catches them


@pytest.mark.parametrize("seen", [1, 3, 7])
def test_an_invariant_subspace_is_left_by_a_fresh_direction(seen):
    values = [float(n) for n in range(-4, 6)]
    matrix, vectors = matrix_with(values)
    lanczos = run(matrix, 10, start=vectors[:, :seen].sum(dim=1))
    assert list(lanczos.cut) == [seen - 1, 9]
    assert lanczos.beside[seen - 1] == 0.0
    assert torch.allclose(lanczos.ritz()[0], torch.tensor(values, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(lanczos.ritz(seen)[0], torch.tensor(values[seen:], dtype=torch.float64), atol=1e-12)
    assert (lanczos.basis @ lanczos.basis.T - torch.eye(10)).abs().max() < 1e-13


@pytest.mark.parametrize(
    "values",
    [[0.0], [0.0] * 6, [3.0] * 6, [2.0] * 3 + [-2.0] * 3, [1e-30, 2e-30, -1e-30], [1e12, 1.0, 1e-12]],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_as_many_steps_as_rows_give_every_eigenvalue(values, dtype):
    matrix = matrix_with(values)[0].to(dtype)
    lanczos = run(matrix, len(values))
    rounding = 20 * torch.finfo(dtype).eps * max(map(abs, values))
    wanted = torch.tensor(sorted(values), dtype=torch.float64)
    assert torch.allclose(lanczos.ritz()[0], wanted, rtol=0, atol=rounding)
    assert lanczos.exhausted
    assert lanczos.taken == len(values)


def test_what_is_cut_off_is_kept_in_mind():
    values = torch.tensor([1.0, 0.9, 0.5, -0.3, -0.7])
    matrix = torch.diag(values)
    matrix[0, 1:] = matrix[1:, 0] = 5e-6  # a part in 200,000: of float32, what rounding may have grown to
    for steps in (2, 3, 5):
        lanczos = run(matrix, steps, start=torch.eye(5)[0])
        assert 0 in lanczos.cut
        ritz, vectors = lanczos.ritz()
        basis, exact = lanczos.basis.double(), matrix.double()
        found = vectors.T @ basis
        assert (found @ exact @ found.T - torch.diag(ritz)).abs().max() < 3e-7  # nothing is missing in T
        measured = (found @ exact - ritz[:, None] * found).norm(dim=1)
        assert (measured <= lanczos.residuals(vectors) + 3e-7).all()
    assert torch.allclose(ritz, torch.linalg.eigvalsh(exact), rtol=0, atol=3e-7)


@pytest.mark.parametrize("outside", [1.0, 1e-6, 1e-12])
def test_a_vector_nearly_inside_is_made_orthogonal_again_and_again(outside):
    known, direction = matrix_with([1.0] * 40)[1].split([39, 1])
    vector = known.sum(dim=0) + outside * direction[0]
    found = orthogonal_to(known, vector)
    assert float((known @ found).norm() / found.norm()) < 1e-14
    assert float(found @ direction[0] / found.norm()) == pytest.approx(1, abs=1e-3)
    once = vector - known.T @ (known @ vector)
    assert outside == 1.0 or float((known @ once).norm() / once.norm()) > 1e-11  # one pass is not enough


def test_the_start_is_not_changed_and_its_length_does_not_count(exact):
    matrix = torch.from_numpy(exact)
    start = torch.randn(len(matrix), generator=torch.Generator().manual_seed(5)).double()
    before = start.clone()
    one, other = run(matrix, 10, start=start), run(matrix, 10, start=8 * start)
    assert torch.equal(start, before)
    assert one.diagonal == other.diagonal
