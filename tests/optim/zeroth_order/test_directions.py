"""Directions: one scale for every law, and the subspace that they keep to."""

from __future__ import annotations

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.optim import Directions, two_point
from unlearnkit.randomness import leave_global_state

LAWS = ("sphere", "gaussian", "rademacher", "unit sphere")
SHAPES = ((60, 40), (30, 20), (40,))
SUBSPACES = ({}, {"rank": 4}, {"density": 0.3})


def weights():
    return [torch.zeros(shape, dtype=torch.float64) for shape in SHAPES]


def dot(slope, weight):
    """A loss whose gradient is the slope, everywhere."""
    return lambda: torch.sum(slope * weight)


def flat(drawn):
    return torch.cat([u.flatten() for u in drawn])


@pytest.mark.parametrize("subspace", SUBSPACES, ids=str)
@pytest.mark.parametrize("law", LAWS)
def test_the_mean_square_is_one_over_the_weights_that_move(law, subspace):
    directions = Directions(law, **subspace, seed=3)
    squares = []
    for step in range(60):
        u = flat(directions.draw(weights(), step))
        moved = u[u != 0] if "density" in subspace else u
        squares.append(moved.square().mean().item())
    found = torch.tensor(squares)
    if law != "gaussian":  # of the two others the length is no matter of chance
        assert found.tolist() == pytest.approx([1.0] * 60, rel=1e-6)
    else:
        assert abs(found.mean() - 1) < 4 * found.std() / 60**0.5


@pytest.mark.parametrize("law", LAWS)
def test_entries_have_no_mean_and_are_not_correlated(law):
    drawn = torch.stack([flat(Directions(law).draw([torch.zeros(5)], step)) for step in range(1500)])
    second = drawn.T @ drawn / 1500
    assert drawn.mean(dim=0).abs().max() < 4 / 1500**0.5
    assert (second - torch.eye(5)).abs().max() < 4 * 2**0.5 / 1500**0.5  # a squared normal has variance 2


def test_laws_are_what_they_are_called():
    (signs,) = Directions("rademacher").draw([torch.zeros(200)])
    assert set(signs.tolist()) == {-1.0, 1.0}
    (normal,) = Directions("gaussian").draw([torch.zeros(20000)])
    assert abs(normal.pow(4).mean() - 3) < 4 * (96 / 20000) ** 0.5  # a normal's fourth moment is 3
    sphere = Directions("sphere").draw([torch.zeros(3, 4), torch.zeros(4)])
    assert flat(sphere).norm().item() == pytest.approx(16**0.5)  # all together, not each weight
    assert sphere[1].norm().item() != pytest.approx(2.0)


def test_the_same_stream_is_the_same_direction_and_another_is_not():
    directions = Directions(seed=1)
    one, same, other = (flat(directions.draw(weights(), "direction", step)) for step in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, flat(Directions(seed=2).draw(weights(), "direction", 5)))


@pytest.mark.parametrize("law", LAWS)
def test_rank_keeps_matrices_to_one_row_space(law):
    directions = Directions(law, rank=3, seed=1)
    drawn = [directions.draw(weights(), step) for step in range(10)]
    for place in (0, 1):
        together = torch.cat([u[place] for u in drawn])
        assert torch.linalg.matrix_rank(together, rtol=1e-6) == 3
    assert torch.linalg.matrix_rank(torch.stack([u[2] for u in drawn])) == 10  # a vector moves freely


def test_what_is_estimated_along_them_lies_in_that_row_space():
    # the sum of many estimates, which is where gradient steps along them would lead
    weight = torch.zeros(12, 10, dtype=torch.float64)
    slope = torch.randn(12, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    total = torch.zeros_like(weight)
    for step in range(12):
        total += two_point(
            dot(slope, weight), [weight], directions=Directions(rank=2), queries=2, radius=1e-3,
            step=step, name="test",
        )[1][0]  # fmt: skip
    assert torch.linalg.matrix_rank(total, rtol=1e-6) == 2


def test_adazos_first_moment_keeps_to_the_row_space_and_its_steps_do_not():
    # its rule divides weight by weight, which no row space survives
    weight = torch.nn.Parameter(torch.zeros(12, 10, dtype=torch.float64))
    adazo = uk.optim.AdaZO([weight], lr=0.01, rank=2, queries=2)
    for _ in range(5):
        adazo.step(lambda: torch.sum(weight + weight.square()))
    assert torch.linalg.matrix_rank(adazo.state[weight]["m"], rtol=1e-6) == 2
    assert torch.linalg.matrix_rank(weight, rtol=1e-6) > 2


def test_in_a_row_space_the_estimate_is_the_gradient_projected_and_enlarged():
    # E[u uT] is the projection times columns over rank, so that the mean square stays 1
    weight = torch.zeros(1, 6, dtype=torch.float64)
    slope = torch.linspace(-1, 2, 6, dtype=torch.float64)[None]
    directions = Directions("gaussian", rank=2, seed=4)
    basis = torch.linalg.svd(torch.cat([directions.draw([weight], i)[0] for i in range(9)]))[2][:2]
    with leave_global_state():  # nothing here draws
        samples = torch.stack(
            [
                two_point(dot(slope, weight), [weight], directions=directions, queries=1, radius=1e-3,
                          step=step, name="test")[1][0].flatten()
                for step in range(400)
            ]
        )  # fmt: skip
    expected = (slope @ basis.T @ basis).flatten() * 6 / 2
    stderr = samples.std(dim=0) / 400**0.5
    assert ((samples.mean(dim=0) - expected).abs() / stderr).max() < 4


def test_density_touches_a_share_of_the_weights_and_the_same_in_every_step():
    weight = torch.nn.Parameter(torch.zeros(2000))
    adazo = uk.optim.AdaZO([weight], lr=0.01, density=0.1, queries=2)
    touched = []
    for _ in range(4):
        before = weight.detach().clone()
        adazo.step(lambda: weight.sum() + weight.square().sum())
        touched.append(weight.detach() != before)
    assert all(torch.equal(mask, touched[0]) for mask in touched)
    share = touched[0].double().mean().item()
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / 2000) ** 0.5


def test_density_looks_along_the_mask_only():
    weight = torch.nn.Parameter(torch.zeros(500))
    adazo = uk.optim.AdaZO([weight], lr=1e-9, density=0.1, queries=3, directions="rademacher")
    seen = []
    for _ in range(2):
        adazo.step(lambda: seen.append(weight.detach().abs() > 1e-6) or weight.sum())
    assert len(seen) == 12
    assert all(torch.equal(mask, seen[0]) for mask in seen)
    assert 0 < seen[0].sum() < 100


def test_another_seed_has_another_mask_and_another_row_space():
    for option in ({"density": 0.5}, {"rank": 1}):
        one, other = (Directions("gaussian", **option, seed=seed).draw(weights()) for seed in (0, 1))
        pattern = torch.cat([one[0], other[0]])
        if "rank" in option:
            assert torch.linalg.matrix_rank(pattern, rtol=1e-6) == 2
        else:
            assert not torch.equal(one[0] != 0, other[0] != 0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"law": "cube"}, UnknownName, "law"),
        ({"rank": 0}, BadInput, "rank must be"),
        ({"density": 0.0}, BadInput, "density must be"),
        ({"density": 1.5}, BadInput, "density must be"),
        ({"rank": 2, "density": 0.5}, BadInput, "two different subspaces"),
        ({"seed": 0.5}, BadInput, "seed must be"),
    ],
)
def test_nonsense_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        Directions(**options)
