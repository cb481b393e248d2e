"""What is no surface, or cannot stand beside one, is refused before anything is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps import LandscapeExplorer
from unlearnkit.errors import BadInput

from .bowls import bowls, pairs


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (lambda: [bowls()], r"^surface must be what uk.flatness.surface\(…\) returns"),
        (dict, "^surface: the dict is empty"),
        (lambda: {"a": bowls(), "b": 3}, "^surface: 'b' is int"),
        (lambda: {1: bowls()}, "^surface: 1 is Surface, but each must be a name"),
        (lambda: {"a": bowls(), "b": bowls(values={"forget": bowls().values["forget"]})},
         "^surface: 'a' has the losses forget, retain, but 'b' has forget"),
        (lambda: bowls(values={}), "holds no loss"),
        (lambda: bowls(values={"forget": np.zeros((3, 21))}), r"forget is \(3, 21\), but rows are betas"),
        (lambda: bowls(alphas=np.linspace(1, -1, 21)), "alphas must rise and enclose 0"),
        (lambda: bowls(betas=np.linspace(1, 2, 21)), "betas must rise and enclose 0"),
        (lambda: bowls(values={"forget": np.full((21, 21), np.nan)}), "forget is nan at the model itself"),
    ],
)  # fmt: skip
def test_what_is_no_surface_is_refused(give, says):
    with pytest.raises(BadInput, match=says):
        LandscapeExplorer(give())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"eigenvalues": [1.0]}, "^eigenvalues must be what uk.flatness.top_eigenvalues"),
        ({"eigenvalues": {}}, "^eigenvalues: the dict is empty"),
        ({"eigenvalues": {"a": 1.0}}, "^eigenvalues: 'a' is float"),
        ({"eigenvalues": dict.fromkeys("abcdefg", pairs(1.0))}, "^eigenvalues: 6 by name at most, but 7"),
        ({"theme": "drak"}, '^theme: "drak" is not known; did you mean "dark"'),
    ],
)
def test_what_cannot_stand_beside_is_refused(more, says):
    with pytest.raises(BadInput, match=says):
        LandscapeExplorer(bowls(), **more)
