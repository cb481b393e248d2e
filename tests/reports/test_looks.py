"""Optimizers look alike in every figure, and no two alike in one."""

from __future__ import annotations

import pytest

from unlearnkit.errors import UnknownName
from unlearnkit.reports.looks import OPTIMIZERS, looks_of, template_of
from unlearnkit.studies.calibrate import DEFAULT_OPTIMIZERS


def test_all_optimizers_of_the_lab_differ():
    looks = looks_of(DEFAULT_OPTIMIZERS)
    assert len(looks) == 11
    assert len({look.marker for look in looks.values()}) == 11
    assert len({(look.colour, look.marker) for look in looks.values()}) == 11


def test_every_optimizer_of_the_lab_has_its_place():
    assert set(OPTIMIZERS) == set(DEFAULT_OPTIMIZERS)


def test_a_look_does_not_depend_on_who_else_is_shown():
    assert looks_of(["hybrid", "muon"])["hybrid"] == looks_of(DEFAULT_OPTIMIZERS)["hybrid"]


def test_unknown_optimizers_come_last():
    assert list(looks_of(["muon", "sgd", "adam", "lion"])) == ["adam", "sgd", "muon", "lion"]


def test_a_faint_colour_is_the_colour_let_through():
    assert looks_of(["adam"])["adam"].faint(0.5) == "rgba(0,114,178,0.5)"


def test_an_unknown_theme_is_refused():
    with pytest.raises(UnknownName, match=r'^theme: "drak"'):
        template_of("drak")
