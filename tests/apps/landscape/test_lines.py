"""Lines on a landscape: where a loss crosses a height, and paths that lie on the ground."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps.landscape.drape import drape
from unlearnkit.apps.landscape.level_line import level_line
from unlearnkit.flatness import Trajectory

from .bowls import bowls, way


def sloped(**changes):
    """2 + 3 alpha - beta, which is straight between cells, too."""
    axis = np.linspace(-1.0, 1.0, 9)
    return bowls(points=9, values={"forget": 2 + 3 * axis[None] - axis[:, None]}, **changes)


# The slice


def test_the_line_of_a_slope_is_straight_and_whole():
    alphas, betas = level_line(sloped(), "forget", 2.1)
    ends = ~np.isnan(alphas)
    assert np.allclose(2 + 3 * alphas[ends] - betas[ends], 2.1)
    pieces = np.stack([alphas, betas], axis=-1).reshape(-1, 3, 2)
    length = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=-1).sum()
    assert length == pytest.approx(2 * np.sqrt(1 + 1 / 9))  # from beta -1 to 1, with a slope of 3
    assert np.isnan(pieces[:, 2]).all()


def test_the_line_of_a_bowl_is_its_circle():
    alphas, betas = level_line(bowls(points=81), "forget", 1.49)
    assert np.allclose(np.hypot(alphas, betas)[~np.isnan(alphas)], 0.7, atol=1e-3)
    pieces = np.stack([alphas, betas], axis=-1).reshape(-1, 3, 2)
    length = np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=-1).sum()
    assert length == pytest.approx(1.4 * np.pi, rel=1e-3)


@pytest.mark.parametrize("height", [0.2, 50.0])
def test_there_is_no_line_where_nothing_crosses(height):
    assert len(level_line(bowls(), "forget", height)[0]) == 0


@pytest.mark.parametrize("wall", [np.inf, np.nan])
def test_a_wall_is_kept_out_of_and_draws_no_wrong_number(wall):
    values = bowls().values["forget"].copy()
    values[:, 15:] = wall
    alphas, betas = level_line(bowls(values={"forget": values}), "forget", 1.25)
    drawn = ~np.isnan(alphas)
    assert np.isfinite(betas[drawn]).all()
    assert alphas[drawn].max() <= 0.5  # the first cell of the wall
    assert np.hypot(alphas, betas)[drawn].max() < 0.55


# Paths


def test_a_path_lies_on_the_ground_also_between_its_models():
    found = drape(sloped(), "forget", way(-0.8, 0.4), top=100.0)
    assert np.allclose(found.heights, 2 + 3 * found.alphas - found.betas)
    assert np.allclose(found.alphas * 0.4, found.betas * -0.8)
    assert found.alphas[found.models].tolist() == pytest.approx([0.0, -0.2, -0.4, -0.6, -0.8])
    assert [name for name in found.labels if name] == ["0", "10", "20", "30", "40"]


def test_a_path_over_a_hill_follows_it_cell_by_cell():
    """Its two models lie at one height, and the hill between them is seen."""
    over = Trajectory((-1.0, 1.0), (0.0, 0.0), (0.0, 0.0), {}, ("a", "b"))
    hill = bowls(values={"forget": 5 - bowls().values["forget"]})
    found = drape(hill, "forget", over, top=100.0)
    assert len(found.heights) == 21
    assert found.heights.max() == pytest.approx(4.0)
    assert found.heights[0] == found.heights[-1] == pytest.approx(3.0)


def test_a_path_is_cut_at_the_ceiling_and_ends_at_the_rim():
    found = drape(bowls(), "forget", way(2.0, 0.0), top=1.2)
    outside = np.isnan(found.heights)
    assert outside.any()
    assert np.isnan(found.alphas[outside]).all()
    assert np.abs(found.alphas[~outside]).max() == pytest.approx(1.0)
    assert found.heights[~outside].max() == pytest.approx(1.2)


def test_a_path_of_one_model_is_a_point():
    found = drape(bowls(), "forget", Trajectory((0.5,), (0.0,), (0.0,), {}, ("only",)), top=9.0)
    assert (len(found.alphas), found.labels, found.heights[0]) == (1, ["only"], pytest.approx(1.25))
