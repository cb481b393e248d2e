"""How far the weights moved, against arithmetic in NumPy."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from unlearnkit.unlearning import displacement


def linear(*rows: list[float], dtype=torch.float32) -> torch.nn.Module:
    """A model of one matrix."""
    layer = torch.nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows, dtype=dtype)
    return layer


def test_a_small_matrix_by_hand():
    # steps of 0.1 and of 10: 0.24 -> 0.26 leaves its bin (2.4 -> 2.6), 4 -> 4.4 does not (0.4 -> 0.44)
    old = linear([0.7, 0.24], [70.0, 4.0])
    new = linear([0.7, 0.26], [70.0, 4.4])
    found = displacement(new, old)
    assert found["distance_l2"] == pytest.approx((0.02**2 + 0.4**2) ** 0.5, rel=1e-5)
    assert found["moved_fraction"] == 0.5
    assert found["flip_fraction_4bit"] == 0.25


def test_a_row_keeps_its_own_grid():
    # with one grid for the matrix the first row would be all zeros before and after
    old, new = linear([0.07, 0.024], [70.0, 1.0]), linear([0.07, 0.026], [70.0, 1.0])
    assert displacement(new, old)["flip_fraction_4bit"] == 0.25


def test_a_grown_maximum_moves_the_others_codes():
    # 3.5 is code 4 of 7 (half to even) on a grid of step 1 and code 2 on a grid of step 2
    old, new = linear([7.0, 3.5]), linear([14.0, 3.5])
    assert displacement(new, old)["flip_fraction_4bit"] == 0.5


def test_a_model_is_no_distance_from_itself(toy):
    assert set(displacement(toy.model, copy.deepcopy(toy.model)).values()) == {0.0}


@pytest.mark.parametrize("scale", [1e-6, 1e-2])
def test_a_whole_model_by_numpy(scale, toy, noisy):
    new, old = noisy(toy.model, scale), toy.model
    pairs = [
        (a.detach().numpy(), b.detach().numpy())
        for a, b in zip(new.parameters(), old.parameters(), strict=True)
    ]
    moved = sum((a != b).sum() for a, b in pairs)
    squares = sum(((a.astype(np.float64) - b) ** 2).sum() for a, b in pairs)
    matrices = [pair for pair in pairs if pair[0].ndim == 2]
    flipped = sum((_codes(a) != _codes(b)).sum() for a, b in matrices)
    found = displacement(new, old)
    assert found["distance_l2"] == pytest.approx(np.sqrt(squares), rel=1e-9)
    assert found["moved_fraction"] == moved / sum(a.size for a, _ in pairs)
    assert found["flip_fraction_4bit"] == flipped / sum(a.size for a, _ in matrices)


def test_distances_of_half_precision_weights_are_taken_in_double():
    old = linear([1.0, 1.0], dtype=torch.bfloat16)
    new = linear([1.0078125, 1.0], dtype=torch.bfloat16)  # the next bfloat16 number
    found = displacement(new, old)
    assert (found["distance_l2"], found["moved_fraction"]) == (0.0078125, 0.5)


def test_a_model_without_matrices_flips_nothing():
    old, new = torch.nn.LayerNorm(2), torch.nn.LayerNorm(2)
    new.weight.data[0] = 2.0
    assert displacement(new, old) == {
        "distance_l2": 1.0, "moved_fraction": 0.25, "flip_fraction_4bit": 0.0,
    }  # fmt: skip


def _codes(weight: np.ndarray) -> np.ndarray:
    steps = np.abs(weight).max(axis=1, keepdims=True) / np.float32(7)
    return np.rint(weight / steps)
