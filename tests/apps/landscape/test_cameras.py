"""Where the camera stands, and how it is told."""

from __future__ import annotations

import math

import pytest

from unlearnkit.apps.landscape.cameras import TILTS, TURNS, LinkedCameras, camera_at, stand_of


@pytest.mark.parametrize("turn", TURNS[::3])
@pytest.mark.parametrize("tilt", TILTS)
def test_a_stand_is_found_again(turn, tilt):
    camera = camera_at(turn, tilt, distance=1.7)
    assert stand_of(camera) == (turn, tilt, pytest.approx(1.7))
    assert math.dist((0, 0, 0), camera["eye"].values()) == pytest.approx(1.7)
    assert camera["up"] == {"x": 0.0, "y": 0.0, "z": 1.0}


def test_the_nearest_turn_goes_around():
    assert stand_of(camera_at(359, 2))[:2] == (0, 0)
    assert stand_of(camera_at(100, 40))[:2] == (105, 45)


def test_from_above_there_is_still_a_side_that_is_up():
    assert math.hypot(camera_at(315, 90)["eye"]["x"], camera_at(315, 90)["eye"]["y"]) > 1e-3


def test_the_link_has_no_name_that_ipywidgets_views_read():
    assert not set(LinkedCameras.class_own_traits()) & {"tooltip", "description", "state", "style"}
