"""One camera for all landscapes: where it stands, and what lets them turn together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

import anywidget

TURNS = tuple(range(0, 360, 15))  # degrees around
TILTS = (0, 15, 30, 45, 60, 75, 90)  # degrees above the ground
FIRST = (315, 30)
DISTANCE = 2.4
STEEPEST = 89.9  # straight above there is no telling which side is up
CENTER = {"x": 0.0, "y": 0.0, "z": -0.12}  # a little down, so that names above find room
Camera = dict[str, dict[str, float]]


class LinkedCameras(anywidget.AnyWidget):
    """Stands unseen in a view, and turns the scenes of its figures together."""

    _esm = resources.files("unlearnkit.apps.landscape").joinpath("cameras.js").read_text(encoding="utf-8")


def camera_at(turn: float, tilt: float, *, distance: float = DISTANCE) -> Camera:
    """A camera of plotly's scenes that looks at the middle.

    Parameters
    ----------
    turn : float
        Degrees around, counted from the end of alpha towards that of beta.
    tilt : float
        Degrees above the ground; at 90 the landscape is a map.
    distance : float
        In plotly's units: a landscape has sides of about 1.

    Examples
    --------
    >>> {axis: round(value, 2) for axis, value in camera_at(90, 30, distance=2)["eye"].items()}
    {'x': 0.0, 'y': 1.73, 'z': 1.0}
    """
    around, above = math.radians(turn), math.radians(min(tilt, STEEPEST))
    eye = {
        "x": distance * math.cos(above) * math.cos(around),
        "y": distance * math.cos(above) * math.sin(around),
        "z": distance * math.sin(above),
    }
    return {"eye": eye, "center": dict(CENTER), "up": {"x": 0.0, "y": 0.0, "z": 1.0}}


def stand_of(camera: Mapping[str, Any]) -> tuple[int, int, float]:
    """The nearest of the named turns and tilts, and the distance, of a camera.

    Examples
    --------
    >>> stand_of(camera_at(317, 28, distance=2))
    (315, 30, 2.0)
    """
    x, y, z = (float(camera["eye"][axis]) for axis in "xyz")
    distance = math.hypot(x, y, z)
    turn = math.degrees(math.atan2(y, x)) % 360
    tilt = math.degrees(math.asin(max(-1.0, min(1.0, z / distance)))) if distance else 0.0
    nearest = min(TURNS, key=lambda known: min(abs(known - turn), 360 - abs(known - turn)))
    return nearest, min(TILTS, key=lambda known: abs(known - tilt)), distance
