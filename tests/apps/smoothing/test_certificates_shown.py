"""What is drawn and told of certificates, and of attacks beside them."""

from __future__ import annotations

import numpy as np
import pytest

from unlearnkit.apps import SmoothingExplorer

from . import noisy
from .noisy import axis, drawn_in, here, move, title, traces

# The certificate


def test_certified_shares_and_attacks_share_an_axis(explorer):
    drawn = traces(explorer, "certificate")
    radii = explorer.shown.seen.certificate.model.radii()
    longest = radii.max()
    assert list(drawn["model"].x[1:4]) == pytest.approx(sorted(radii[radii > 0]))
    assert drawn["model"].x[0] > 0  # a logarithm has no 0
    (relearning,) = (trace for name, trace in drawn.items() if name.startswith("relearning"))
    assert tuple(relearning.x) == (2.4, 2.4)
    assert relearning.name == f"relearning: 2.4, {2.4 / longest:.3g} times the longest radius"
    across = axis(explorer, "certificate")
    assert across.type == "log"
    assert 10 ** across.range[0] < min(radii[radii > 0]) < 2.4 < 10 ** across.range[1]
    assert f"relearning by 2.4 in L2, {2.4 / longest:.3g} times the longest radius" in explorer.sentence


def test_without_attacks_the_axis_of_radii_starts_at_nothing():
    explorer = SmoothingExplorer(noisy.whole(reaches=None))
    assert axis(explorer, "certificate").type != "log"
    assert drawn_in(explorer, "certificate")[0].x[0] == 0.0
    assert "Attacks moved" not in explorer.sentence


def test_an_attack_within_the_radius_is_counted_as_covered(explorer):
    assert "1 of 2 lie within what is certified" in explorer.sentence  # rounding, by 0.01
    found = {reach.name: reach for reach in explorer.shown.seen.reaches.reaches}
    assert (found["rounding"].covered, found["relearning"].covered) == (True, False)


def test_ratios_are_to_the_certificate_that_is_shown(explorer):
    explorer.choose(model="adazo")
    reach = explorer.shown.seen.reaches.reaches[0]
    split = noisy.certificate(ours=(100, 100, 100, 40))
    assert reach.ratio_facts == pytest.approx(2.4 / split.model.radii().max())
    explorer.choose(model="adam", sigma=1.0)
    assert np.isinf(explorer.shown.seen.reaches.reaches[0].ratio_facts)
    assert "relearning by 2.4 in L2, with no radius" in explorer.sentence
    assert "None lies within what is certified" in explorer.sentence


def test_a_wrecked_model_abstains_in_words_in_the_table_and_in_the_figure(explorer):
    explorer.choose(sigma=1.0)
    assert "Vacuous: under this noise the model answers 0.200 of the kept facts" in explorer.sentence
    assert "so it abstains" in explorer.sentence
    row = explorer.table.set_index("model").loc["adam"]
    assert row["kept under noise"] == "0.200 of 0.800: abstains"
    assert row["facts certified"] == "0.0%"
    assert "model: abstains" in traces(explorer, "certificate")
    assert set(traces(explorer, "certificate")["model: abstains"].y) == {0.0}


def test_what_the_target_gets_for_nothing_is_called_vacuous():
    same = noisy.certificate(target=(100, 90, 70, 40))
    assert "Vacuous: of the target" in SmoothingExplorer(noisy.whole(certificates=same)).sentence
    better = SmoothingExplorer(noisy.whole(certificates=noisy.certificate()))
    assert "Not vacuous: the model works under this noise, and 75.0% of the facts" in better.sentence
    poor = noisy.certificate(ours=(50, 40, 30, 20))
    assert (
        "Nothing is certified: the model works" in SmoothingExplorer(noisy.whole(certificates=poor)).sentence
    )


def test_what_noise_leaves_is_drawn_beside_the_floor(explorer):
    drawn = traces(explorer, "retention")
    assert tuple(drawn["model"].x) == (0.1, 1.0)
    assert tuple(drawn["model"].y) == (0.95, 0.2)
    assert tuple(drawn["model"].marker.symbol) == ("circle", "circle-open")
    assert tuple(drawn["floor of the model"].y) == (0.8, 0.8)
    explorer.choose(sigma=0.01)
    assert here(explorer, "retention") == 0.1  # the nearest, at which it was computed
    assert "at sigma 1 model 0.200, too few: it abstains" in explorer.sentence


def test_all_facts_at_once_certify_less(explorer):
    one = explorer.shown.seen.certificate.model
    each = traces(explorer, "certificate")["model"].x[3]
    move(explorer, "simultaneous", True)
    together = traces(explorer, "certificate")["model"].x[3]
    assert together == pytest.approx(one.radii(simultaneous=True).max())
    assert together < each
    assert "all facts at once" in title(explorer, "certificate")
    assert "risk 0.01 all at once" in explorer.sentence


# The attack


def test_the_attack_and_its_share_are_drawn(explorer):
    assert tuple(traces(explorer, "attack")["smoothed model"].y) == (0.95, 0.8, 0.1)
    move(explorer, "share", "retain")
    assert tuple(traces(explorer, "attack")["smoothed model"].y) == (0.95, 0.9, 0.3)
    assert "certified, at least" not in traces(explorer, "attack")  # nothing certifies it
    move(explorer, "attack", "rounding")
    assert explorer.shown.choice.share == "retain"
    assert tuple(traces(explorer, "attack")["smoothed model"].x) == (0.0, 0.005, 0.01)
    assert "rounding. Share of kept facts answered over 0.01 in L2" in explorer.sentence


def test_along_an_attack_the_nearest_sigma_is_told(explorer):
    explorer.choose(attack="rounding", sigma=1.0)
    assert "along at 0.1" in explorer.sentence
    explorer.choose(attack="relearning")
    assert "along at" not in explorer.sentence
