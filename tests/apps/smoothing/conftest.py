"""The view with every part, which tests of a package share: it takes a second to draw."""

from __future__ import annotations

import pytest

from unlearnkit.apps import SmoothingExplorer

from . import noisy


@pytest.fixture(scope="package")
def made():
    """Two optimizers with every part, and one of which only losses are known."""
    other = noisy.whole(certificates={0.1: noisy.certificate(ours=(100, 100, 100, 40))})
    return SmoothingExplorer({"adam": noisy.whole(), "adazo": other, "losses": noisy.losses_only()})


@pytest.fixture
def explorer(made):
    """The view as it is at first."""
    made.choose(**noisy.FIRST)
    made.controls.dark.value = False
    return made
