"""The view on two surfaces, as it is at first."""

from __future__ import annotations

import pytest

from unlearnkit.apps import LandscapeExplorer

from .bowls import bowls, pairs

FIRST = {
    "directions": "random", "losses": ["forget", "retain"], "radius": 1.0, "ceiling": None, "height": 1.75,
    "paths": ["unlearning", "attack"], "step": 9, "flat": False,
}  # fmt: skip
MARKS = {"model": (0.0, 0.0), "first": (0.5, 0.5)}


@pytest.fixture(scope="module")
def made():
    surfaces = {"random": bowls(), "models": bowls(words="through three models", marks=MARKS)}
    return LandscapeExplorer(surfaces, eigenvalues={"forget": pairs(5.0, -3.0), "retain": pairs(7.0)})


@pytest.fixture
def explorer(made):
    """The view as it is at first."""
    made.choose(**FIRST)
    made.controls.dark.value = False
    made.look_from(turn=315, tilt=30)
    return made
