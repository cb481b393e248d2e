"""Trap 14: forget quality's p depends on n, D does not; a harmonic mean is 0 if any part is 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from unlearnkit.errors import BadInput
from unlearnkit.metrics.tofu import forget_quality, hmean


def shifted(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two evenly spaced samples, one a fifth of its places further up: nowhere else can D be larger."""
    even = np.arange(n, dtype=float)
    return even, even + n // 5


def test_the_same_difference_passes_with_40_rows_and_not_with_400():
    small, middle, large = (forget_quality(*shifted(n)) for n in (40, 200, 400))
    assert small.d == pytest.approx(0.2) == middle.d == large.d
    assert small.p > 0.05 > 1e-3 > middle.p > large.p
    assert (small.n, large.n) == (40, 400)


def test_hmean_is_0_if_any_part_is_0_where_logs_of_it_would_be_ignored():
    parts = [0.5] * 8 + [0.0]
    zeros_left_out = float(stats.hmean([part for part in parts if part]))
    assert hmean(parts) == 0.0 != zeros_left_out


def test_hmean_refuses_a_negative_part():
    naive = 2 / (1 / 0.5 + 1 / -0.1)
    assert naive == pytest.approx(-0.25)  # below 0, and above the smaller of the two in size
    with pytest.raises(BadInput, match="number 2 of 2 is"):
        hmean([0.5, -0.1])
