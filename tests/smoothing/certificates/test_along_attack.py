"""Against attacks: the ratio is printed, and the certified curve lies below what the smoothed model does."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import unlearnkit as uk
from unlearnkit.smoothing import (
    AlongAttack,
    against_attacks,
    along_attack,
    certify,
    subspace_of,
)
from unlearnkit.unlearning.mixing import between

FEW = {"samples": 20, "alpha": 0.01, "forget_facts": 12, "retain_facts": 12}


@pytest.fixture(scope="module")
def found(lab):
    return certify(lab.never_learned, lab, sigma=0.01, **FEW)


@pytest.fixture(scope="module")
def way(lab, found):
    """Three certified radii towards the target, where the knowledge is, and all the way."""
    start, whole = lab.never_learned, found.radius
    distance = against_attacks(found, start, {"target": lab.model}).reaches[0].distance
    path = [between(start, lab.model, share * whole / distance) for share in (0.5, 1.0, 3.0)]
    return along_attack(found, start, lab, [*path, lab.model], samples=20)


# Displacements


def test_attacks_stand_beside_the_radius_with_their_ratio(lab, found):
    start = lab.never_learned
    attacked = {
        "quantize-4": uk.attacks.quantize(start, bits=4, scheme="rtn"),
        "nothing": between(start, start, 1.0),
        "a little": between(start, lab.model, 1e-5),
    }
    reaches = against_attacks(found, start, attacked)
    rounded, nothing, little = reaches.reaches
    pairs = zip(attacked["quantize-4"].parameters(), start.parameters(), strict=True)
    length = math.sqrt(sum(float((a.double() - b.double()).detach().square().sum()) for a, b in pairs))
    assert rounded.distance == pytest.approx(length, rel=1e-12)
    assert rounded.ratio_facts == pytest.approx(length / found.model.radii().max())
    assert rounded.ratio_split == pytest.approx(length / found.radius)
    assert rounded.ratio_split > 100
    assert not rounded.covered
    assert (nothing.distance, nothing.ratio_split, nothing.covered) == (0.0, 0.0, True)
    assert little.covered
    assert f"{rounded.ratio_split:.3g} times that of the split" in reaches.words
    assert f"{rounded.ratio_split:.3g} times" in reaches._repr_html_()
    assert json.loads(json.dumps(reaches.to_dict()))["reaches"][0]["ratio_split"] == rounded.ratio_split


def test_of_a_certificate_that_abstains_every_displacement_is_beyond(lab):
    wreck = certify(lab.model, lab, sigma=0.3, **FEW)
    reaches = against_attacks(wreck, lab.model, {"relearned": lab.never_learned})
    assert reaches.reaches[0].ratio_facts == math.inf
    assert not reaches.reaches[0].covered
    assert reaches.to_dict()["reaches"][0]["ratio_facts"] is None
    assert "beyond" in reaches.words


def test_what_leaves_the_subspace_is_not_covered(lab, noisy):
    start = lab.never_learned
    within = subspace_of([lab.model], start)
    found = certify(start, lab, sigma=1.0, subspace=within, **FEW)
    attacked = {"within": between(start, lab.model, 0.004), "aside": noisy(start, 1e-4)}
    inside, aside = against_attacks(found, start, attacked, subspace=within).reaches
    assert inside.distance < found.radius
    assert inside.share_inside == pytest.approx(1.0, abs=1e-4)
    assert aside.distance < found.radius  # short, but it leaves
    assert aside.share_inside < 0.01
    assert not aside.covered


# Along the way


def test_the_certified_curve_lies_below_what_the_smoothed_model_does(way, found):
    assert way.holds
    assert len(way.distances) == 5
    split, facts = way.curves["split"], way.curves["facts"]
    for certified, high in zip(split.certified, split.high, strict=True):
        assert certified <= high
    assert split.certified[0] == found.model.split.p_lower
    assert split.certified[2] == pytest.approx(0.5, abs=1e-3)  # at the radius
    assert split.certified[-1] < 1e-6
    assert facts.smoothed[0] > 0.95
    assert facts.smoothed[-1] < 0.1  # the target knows, under noise too
    assert split.plain == (1.0, 1.0, 1.0, 1.0, 0.0)
    assert way.broken_facts == (0,) * 5
    assert min(way.curves["retain"].smoothed) > 0.7
    assert way.curves["retain"].certified is None


def test_a_curve_is_the_theorems_at_each_distance(way, found):
    p = found.model.p_lower()
    for place, distance in enumerate(way.distances):
        by_fact = stats.norm.cdf(stats.norm.ppf(p) - distance / 0.01)
        assert way.curves["facts"].certified[place] == pytest.approx(by_fact.mean(), abs=1e-9)
        whole = stats.norm.cdf(stats.norm.ppf(found.model.split.p_lower) - distance / 0.01)
        assert way.curves["split"].certified[place] == pytest.approx(whole, abs=1e-9)


def test_a_certificate_that_promises_too_much_is_found_out(lab, found):
    """One made at a sigma of 1,000: its curve would stay high all the way to the target."""
    lie = replace(found.model, sigma=1000.0, split=replace(found.model.split, sigma=1000.0))
    honest = along_attack(found, lab.never_learned, lab, lab.model, points=2, samples=20)
    split = honest.curves["split"]
    promised = tuple(lie.split.at(distance) for distance in honest.distances)
    told = replace(honest, curves={"split": replace(split, certified=promised)})
    assert not told.holds
    assert not replace(honest, broken_facts=(0, 3)).holds
    assert honest.holds


def test_broken_facts_are_those_that_the_smoothed_model_knows(lab, found, monkeypatch):
    monkeypatch.setattr(
        sys.modules["unlearnkit.smoothing.certificates.along_attack"],
        "_promised",
        lambda certificate, *_, **__: np.full(12, 0.9),
    )
    told = along_attack(found, lab.never_learned, lab, lab.model, points=2, samples=20)
    assert told.broken_facts[0] == 0
    assert told.broken_facts[1] >= 10
    assert not told.holds


def test_a_straight_line_has_both_ends_and_even_steps(toy, make_llama):
    found = certify(toy.model, toy, samples=2, retain_facts=2)
    way = along_attack(found, toy.model, toy, make_llama(3), points=4, samples=2)
    whole = way.distances[-1]
    assert way.distances == pytest.approx([0, whole / 3, 2 * whole / 3, whole])
    assert way.inside == (1.0,) * 4


def test_in_a_subspace_the_projection_is_walked(toy, make_llama):
    aim = make_llama(3)
    within = subspace_of([make_llama(1), make_llama(2)], toy.model)
    found = certify(toy.model, toy, sigma=0.5, samples=2, retain_facts=2, subspace=within)
    places, origin = [], torch.cat([w.detach().flatten().clone() for w in toy.model.parameters()])
    hook = toy.model.register_forward_pre_hook(
        lambda module, *_: places.append(
            torch.cat([w.detach().flatten() for w in module.parameters()]) - origin
        )
    )
    way = along_attack(found, toy.model, toy, aim, points=2, samples=2, subspace=within)
    hook.remove()
    assert 0 < way.inside[1] < 1
    assert [within.share(place) for place in places] == pytest.approx([1.0] * 6, abs=1e-4)
    reach = against_attacks(found, toy.model, {"aim": aim}, subspace=within).reaches[0]
    assert way.distances[1] == pytest.approx(reach.inside, rel=1e-5)
    assert reach.inside < reach.distance
    assert way.inside[1] == pytest.approx(reach.share_inside)


def test_the_noise_is_fresh_and_the_work_resumable(toy, make_llama, tmp_path, fingerprint):
    found = certify(toy.model, toy, samples=3, retain_facts=2)
    aim, keep, before = make_llama(3), tmp_path / "kept.jsonl", fingerprint(toy.model)
    seen = []
    hook = toy.model.register_forward_pre_hook(
        lambda module, *_: seen.append(float(next(module.parameters()).detach().flatten()[0]))
    )
    first = along_attack(found, toy.model, toy, aim, points=2, samples=3, keep=keep)
    assert len(seen) == 2 * (1 + 3)
    again = along_attack(found, toy.model, toy, aim, points=2, samples=3, keep=keep)
    assert again == first
    assert len(seen) == 2 * (1 + 3) + 2
    own = len(seen)
    certify(toy.model, toy, samples=3, retain_facts=2)
    hook.remove()
    assert not set(seen[1:4]) & set(seen[own + 1 :])  # other draws than the certificate's
    assert fingerprint(toy.model) == before


def test_a_path_reads_itself_back(way):
    assert AlongAttack.from_dict(json.loads(json.dumps(way.to_dict()))) == way
    assert "certified at least" in way._repr_html_()
    assert json.loads(json.dumps(way.to_dict()))["holds"] is True
