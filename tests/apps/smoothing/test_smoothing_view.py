"""What a view takes: parts that fit together, by sigma, and nothing else."""

from __future__ import annotations

import pytest
import torch

from unlearnkit.apps import SmoothingView
from unlearnkit.apps.smoothing.choice import nearest
from unlearnkit.errors import BadInput
from unlearnkit.smoothing import compare_gradients, smoothed_line

from . import noisy


def test_its_sigmas_are_those_of_all_parts():
    assert noisy.whole().sigmas == (0.01, 0.1, 1.0)
    assert SmoothingView(line=noisy.line()).sigmas == (0.1, 1.0)
    assert SmoothingView(certificates=noisy.certificate(0.02)).sigmas == (0.02,)
    assert repr(noisy.losses_only()) == "<SmoothingView of sweep; 3 sigmas>"


def test_sigmas_of_balls_are_told_by_the_change_of_a_weight():
    """In a ball of radius s over d weights a weight moves by s / sqrt(d + 2)."""
    line = smoothed_line(
        noisy.quartic(), torch.ones(40).double(), sigmas=[0.6], points=3, samples=4, law="ball"
    )
    found = compare_gradients(noisy.quartic(), sigma=0.6, samples=4, law="ball")
    view = SmoothingView(line=line, gradients=found)
    assert view.sigmas == (pytest.approx(0.6 / 42**0.5),)
    assert len(view.lines) == len(view.comparisons) == 1


def test_parts_come_in_any_order_and_are_held_in_that_of_sigma():
    certificates = dict(reversed(noisy.certificates().items()))
    view = noisy.whole(certificates=certificates, along={"relearning": [noisy.along(1.0), noisy.along()]})
    assert list(view.certified) == list(view.paths["relearning"]) == [0.1, 1.0]


def test_a_path_alone_has_a_name():
    assert list(SmoothingView(along=noisy.along()).paths) == ["the attack"]


def test_the_nearest_is_nearest_by_ratio():
    assert nearest({0.001: "a", 0.01: "b"}, 0.0035) == (0.01, "b")
    assert nearest({0.001: "a", 0.01: "b"}, 0.003) == (0.001, "a")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({}, "^SmoothingView: no part was given"),
        ({"line": noisy.SIGMAS}, r"^line must be what uk.smoothing.smoothed_line\(…\) returns, not a list"),
        ({"sweep": 1}, "^sweep must be"), ({"gradients": []}, "^gradients must be"),
        ({"certificates": {}}, "^certificates must be"), ({"along": {}}, "^along must be"),
        ({"certificates": {0.2: noisy.certificate(0.1)}}, "^certificates: under 0.2 lies one of sigma 0.1"),
        ({"certificates": {"0.1": noisy.certificate(0.1)}}, "^certificates: under '0.1'"),
        ({"certificates": {0.1: None}}, "^certificates: under 0.1 lies nothing"),
        ({"certificates": {0.1: 3}}, r"^certificates\[0.1\] must be"),
        ({"along": {"relearning": []}}, r"^along\['relearning'\] must be an AlongAttack or a list"),
        ({"along": {"relearning": [1]}}, r"^along\['relearning'\] must hold AlongAttack only, not a int"),
        ({"along": {"": noisy.along()}}, "^along: '' is no name"),
        ({"along": {"a": [noisy.along(), noisy.along()]}}, r"^along\['a'\]: one sigma twice"),
        ({"reaches": noisy.reaches()}, "^reaches: distances say something beside a certificate only"),
        ({"reaches": noisy.reaches(3), "certificates": noisy.certificate()}, "^reaches: they lie in 3 dim"),
        ({"certificates": {0.1: noisy.certificate(), 1.0: noisy.certificate(1.0, weights="1")}},
         "^certificates: they are of several models"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(parts, says):
    with pytest.raises(BadInput, match=says):
        SmoothingView(**parts)
