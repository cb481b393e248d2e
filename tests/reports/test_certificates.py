"""Figures of certificates show the numbers they were given, in both themes, and say them in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unlearnkit.errors import UnknownName
from unlearnkit.reports.looks import TEMPLATES
from unlearnkit.reports.smoothing import (
    along_attack_figure,
    along_attack_sentence,
    certified_radius_figure,
    certified_radius_sentence,
)
from unlearnkit.smoothing import (
    AlongAttack,
    Certificate,
    Curve,
    EventCertificate,
    ModelCertificate,
    Retention,
)


def model(*forgotten, kept=0.95):
    split = EventCertificate(min(forgotten), 100, 0.02, 0.01, works=kept > 0.8)
    return ModelCertificate(
        facts=tuple(f"capital/{place}" for place in range(len(forgotten))), forgotten=forgotten, samples=100,
        sigma=0.02, alpha=0.01, split=split,
        retain=Retention(kept, (kept - 0.01, kept + 0.01), 1.0, 0.8, 60, 100, 0.01),
        known=(False,) * len(forgotten), weights="0",
    )  # fmt: skip


@pytest.fixture
def found():
    return Certificate(
        model=model(100, 90, 70, 40), target=model(1, 0, 0, 0), never_learned=model(100, 100, 99, 100),
        dimensions=523904, subspace=None, thresholds=(0.05, 0.05), seed=0, forward_passes=303,
    )  # fmt: skip


@pytest.fixture
def way():
    split = Curve((0.9, 0.5, 0.0), (0.95, 0.8, 0.1), (0.9, 0.7, 0.0), (1.0, 0.9, 0.2), (1.0, 1.0, 0.0))
    return AlongAttack(
        distances=(0.0, 0.03, 2.4), inside=(1.0, 1.0, 1.0), broken_facts=(0, 0, 0), radius=0.03, sigma=0.02,
        curves={"split": split, "retain": replace(split, certified=None)}, alpha=0.01, samples=100,
    )  # fmt: skip


def test_the_share_at_each_radius_is_that_of_facts_certified_so_far(found):
    figure = certified_radius_figure(found)
    ours, target, never = figure.data
    assert [trace.name.split(" (")[0] for trace in figure.data] == ["model", "target", "never learned"]
    radii = found.model.radii()
    assert np.count_nonzero(radii) == 3  # 40 of 100 is not more likely than not
    assert list(ours.x[:4]) == [0.0, *sorted(radii[radii > 0])]
    assert list(ours.y) == [0.75, 0.75, 0.5, 0.25, 0.0]
    assert list(target.y) == [0.0, 0.0]
    assert never.y[0] == 1.0
    assert len({trace.line.dash for trace in figure.data}) == 3


def test_the_step_falls_at_the_radius_and_not_before(found):
    """A vertical step first, then level: at a radius a fact is still certified, beyond it no longer."""
    assert {trace.line.shape for trace in certified_radius_figure(found).data} == {"vh"}


def test_all_at_once_is_shorter(found):
    each, together = (certified_radius_figure(found, simultaneous=flag).data[0].x for flag in (False, True))
    assert max(together[:-1]) < max(each[:-1])


def test_a_wreck_is_told_as_one(found):
    wreck = replace(found, target=model(100, 100, 100, 100, kept=0.1))
    trace = certified_radius_figure(wreck).data[1]
    assert "abstains" in trace.name
    assert not any(trace.y)
    assert "target abstains (0.100 of kept facts answered under noise, floor 0.800)" in (
        certified_radius_sentence(wreck)
    )


def test_radii_are_told_in_words(found):
    words = certified_radius_sentence(found)
    assert "model 75.0% of 4 facts certified" in words
    assert f"longest {found.model.radii().max():.3g}" in words
    assert "The excess over the target is +75.0% of the facts" in words
    assert "smoothed models, in L2" in words


def test_the_way_shows_three_curves_and_the_radius(way):
    figure = along_attack_figure(way)
    certified, smoothed, plain = figure.data
    assert [list(trace.y) for trace in figure.data] == [
        list(way.curves["split"].certified), list(way.curves["split"].smoothed), [1.0, 1.0, 0.0],
    ]  # fmt: skip
    assert list(certified.x) == list(plain.x) == list(way.distances)
    assert list(smoothed.error_y.array) == pytest.approx([0.05, 0.1, 0.1])
    assert list(smoothed.error_y.arrayminus) == pytest.approx([0.05, 0.1, 0.1])
    assert figure.layout.shapes[0].x0 == 0.03
    assert len(along_attack_figure(way, share="retain").data) == 2


def test_the_way_is_told_in_words(way):
    words = along_attack_sentence(way)
    assert "80 times the certified radius 0.03:" in words
    assert "at 0.03 certified 0.500, smoothed 0.800 (0.700 to 0.900), the model itself 1.000" in words
    assert "as it must" in words
    assert "and no radius is certified" in along_attack_sentence(replace(way, radius=0.0))
    assert "the certificate is wrong" in along_attack_sentence(replace(way, broken_facts=(0, 0, 2)))
    assert "at 0 smoothed 0.950" in along_attack_sentence(way, share="retain")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_follow_the_theme(found, way, theme):
    import plotly.io

    expected = plotly.io.templates[TEMPLATES[theme]].layout.paper_bgcolor
    for figure in (certified_radius_figure(found, theme=theme), along_attack_figure(way, theme=theme)):
        assert figure.layout.template.layout.paper_bgcolor == expected


def test_unknown_names_are_refused(found, way):
    with pytest.raises(UnknownName, match="theme"):
        certified_radius_figure(found, theme="sepia")
    with pytest.raises(UnknownName, match="share"):
        along_attack_figure(way, share="facts")
    with pytest.raises(UnknownName, match="share"):
        along_attack_sentence(way, share="splitt")
