"""The study of smoothing on the lab: what a cell measures, and what decides it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from types import SimpleNamespace

import pytest
import torch

import unlearnkit as uk
from unlearnkit.smoothing import spanned_by
from unlearnkit.smoothing.certificates.exact_answers import facts_of
from unlearnkit.smoothing.certificates.noisy_answers import CERTIFY, Asking, WeightNoise
from unlearnkit.smoothing.certificates.subspace import displacement
from unlearnkit.studies import attack_subspace, smoothing, smoothing_measures
from unlearnkit.studies.cells import Problem
from unlearnkit.studies.kept import Kept
from unlearnkit.studies.smoothing import SmoothCell, smoothing_cells
from unlearnkit.studies.smoothing_measures import ALL, INSIDE, SETTINGS, Settings, measure
from unlearnkit.token_mean_loss import TokenMeanLoss

TINY = Settings(
    rows=2, batch_size=2, radii=(1e-3,), queries=2, gradients=3, traced=2, forget_facts=4, retain_facts=5,
    samples=20, first=3, walked=4, alpha=0.3, sigmas=(0.02, 1.0), sigmas_inside=(0.5,),
)  # fmt: skip
PLACE = Problem("topic", 1)


@pytest.fixture(scope="module")
def lab():
    return PLACE.load()


@pytest.fixture(scope="module")
def plane(lab):
    """In place of the attack's subspace, which takes half a minute: two directions."""
    way = displacement(lab.never_learned, lab.model)
    return spanned_by([way, torch.roll(way, 1)])


@pytest.fixture(scope="module")
def relearned(lab):
    return uk.attacks.relearn(lab.never_learned, lab, steps=1)


@pytest.fixture(scope="module")
def measured(lab, plane, relearned, fingerprint):
    before = fingerprint(lab.never_learned)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smoothing_measures, "attack_subspace", lambda task: plane)
        found = measure(lab.never_learned, PLACE, relearned=relearned, settings=TINY)
    assert fingerprint(lab.never_learned) == before
    return found


def certificate(lab, sigma, samples, subspace=None, model=None):
    """The same, certified beside its controls."""
    return uk.smoothing.certify(
        model or lab.never_learned, lab, sigma=sigma, samples=samples, alpha=0.3, forget_facts=4,
        retain_facts=5, subspace=subspace,
    )  # fmt: skip


# What is measured


def test_the_sweep_is_that_of_the_rows_to_forget(lab, measured):
    loss = TokenMeanLoss(lab.never_learned, lab.batches(lab.forget, rows=2, batch_size=2))
    alone = uk.smoothing.radius_sweep(loss, (1e-3,), queries=2, gradients=3, trace_samples=2)
    told = {name: value for name, value in alone.to_dict().items() if name not in ("papers", "words")}
    assert measured["sweep"] == told
    assert measured["sweep"]["value"] == pytest.approx(loss().item())


@pytest.mark.parametrize(("place", "sigma", "where"), [(0, 0.02, ALL), (2, 0.5, INSIDE)])
def test_a_certificate_is_what_certify_gives_beside_its_controls(lab, plane, measured, place, sigma, where):
    subspace = plane if where == INSIDE else None
    alone = certificate(lab, sigma, 20, subspace)
    found = measured["certificates"][place]
    told = alone.model.to_dict()
    del told["radii"]
    assert found["model"] == told
    assert (found["where"], found["dimensions"]) == (where, alone.dimensions)
    assert found["thresholds"] == list(alone.thresholds)
    # As one among three, never_learned is certified by the same numbers: it may stand beside every other.
    assert alone.never_learned == alone.model


def test_relearnings_way_is_walked_at_a_length_of_sigma_and_to_its_end(lab, plane, relearned, measured):
    whole = displacement(relearned, lab.never_learned)
    for place, sigma, length in ((0, 0.02, whole.norm()), (2, 0.5, plane.coordinates(whole).norm())):
        way = measured["certificates"][place]["along"]
        assert way["distances"] == pytest.approx((sigma, float(length)), rel=1e-4)
        assert (way["samples"], way["holds"]) == (4, True)
    found = certificate(lab, 0.02, 20)
    alone = uk.smoothing.along_attack(found, lab.never_learned, lab, [relearned], samples=4)
    way = measured["certificates"][0]["along"]
    for name, curve in way["curves"].items():
        for kind, values in curve.items():
            theirs = getattr(alone.curves[name], kind)
            assert (None if values is None else values[-1]) == (None if theirs is None else theirs[-1])


def test_a_model_that_noise_wrecks_is_asked_no_longer_and_certifies_nothing(measured):
    wrecked = measured["certificates"][1]
    assert wrecked["model"]["samples"] == TINY.first
    assert not wrecked["model"]["works"]
    assert wrecked["model"]["split"]["radius"] == 0.0
    assert wrecked["along"] is None
    assert min(wrecked["model"]["forgotten"]) == 3  # it "forgets" everything


def test_only_the_smallest_sigma_is_walked(lab, plane, relearned, monkeypatch):
    monkeypatch.setattr(smoothing_measures, "attack_subspace", lambda task: plane)
    settings = replace(TINY, sigmas=(0.004, 0.002), sigmas_inside=(), samples=12)
    found = measure(lab.never_learned, PLACE, relearned=relearned, settings=settings)["certificates"]
    assert [each["model"]["works"] for each in found] == [True, True]
    assert [each["along"] is None for each in found] == [True, False]


@pytest.mark.parametrize(("ends", "asked"), [((0.7, 0.9), 20), ((0.5, 0.79), 3), ((0.8, 0.9), 20)])
def test_only_who_surely_does_not_work_is_asked_no_longer(monkeypatch, ends, asked):
    def found(self, sigma, subspace, samples):
        return SimpleNamespace(samples=samples, retain=SimpleNamespace(interval=ends, floor=0.8))

    monkeypatch.setattr(smoothing_measures._Asked, "_certificate", found)
    mine = object.__new__(smoothing_measures._Asked)
    mine.settings = TINY
    assert mine.certificate(0.01, None).samples == asked


def test_a_model_that_was_destroyed_before_is_held_to_what_the_target_keeps(lab, relearned):
    wreck = uk.attacks.add_noise(lab.model, sigma=0.06)
    settings = replace(TINY, sigmas=(1e-4,), sigmas_inside=())
    (found,) = measure(wreck, PLACE, relearned=relearned, settings=settings)["certificates"]
    kept = found["model"]["retain"]
    assert kept["estimate"] == kept["unsmoothed"] < kept["floor"] == 0.8
    assert (found["model"]["works"], found["model"]["samples"], found["along"]) == (False, 3, None)


def test_where_no_fact_is_certified_no_way_is_walked(lab, relearned):
    settings = replace(TINY, sigmas=(0.001,), sigmas_inside=(), samples=12)
    (found,) = measure(lab.model, PLACE, relearned=relearned, settings=settings)["certificates"]
    assert (found["model"]["works"], found["model"]["forgotten"]) == (True, [0, 0, 0, 0])
    assert found["along"] is None


def test_everything_is_drawn_from_the_seed(lab, relearned, monkeypatch):
    settings = replace(TINY, sigmas=(0.05,), sigmas_inside=(), first=12, samples=12)
    found = [
        measure(lab.model, PLACE, relearned=relearned, settings=settings, seed=seed) for seed in (0, 0, 1)
    ]
    assert found[0] == found[1]
    assert found[0]["sweep"]["points"] != found[2]["sweep"]["points"]
    mine, _, other = (each["certificates"][0]["model"] for each in found)
    assert mine["forgotten"] != other["forgotten"]
    assert mine["forgotten"] == list(certificate(lab, 0.05, 12, model=lab.model).model.forgotten)


def test_the_larger_sigma_is_where_the_target_still_keeps_four_fifths():
    lab = Problem("topic", attack_subspace.FOLD).load()
    facts = facts_of(lab, forget_facts=2, retain_facts=60)
    asking = Asking({"target": lab.model}, facts, lab.tokenizer, None)
    kept = [
        sum(asking.noisy(WeightNoise(sigma, 0, CERTIFY), 8)["target"].retain) / 8 / 60
        for sigma in (min(SETTINGS.sigmas), max(SETTINGS.sigmas), 0.035)
    ]
    assert kept[0] > 0.99
    assert kept[1] > 0.8 > kept[2]


# The subspace


def test_the_subspace_is_relearnings_on_the_calibration_fold(monkeypatch):
    made = []

    def quick(lab, objective, **given):
        made.append((lab.fold, objective, given["optimizer"], given["seed"]))
        return SimpleNamespace(model=lab.model)

    monkeypatch.setattr(attack_subspace, "unlearn", quick)
    monkeypatch.setattr(attack_subspace, "STEPS", (1, 2))
    attack_subspace.attack_subspace.cache_clear()
    found = attack_subspace.attack_subspace("topic")
    assert attack_subspace.attack_subspace("topic") is found
    attack_subspace.attack_subspace.cache_clear()
    assert made == [(0, "npo", "sgd", 0)]
    lab = Problem("topic", 0).load()
    for seed in (0, 1):
        attacked = uk.attacks.relearn(lab.model, lab, steps=2, seed=seed)
        assert found.share(displacement(attacked, lab.model)) == pytest.approx(1.0, abs=1e-5)
    assert found.dimensions == 4


def test_no_cell_is_of_the_fold_that_fixed_the_noise():
    assert attack_subspace.FOLD not in {cell.problem.fold for cell in smoothing_cells()}
    assert len(attack_subspace.STEPS) * len(attack_subspace.SEEDS) == 32


# Cells


def test_every_optimizer_with_a_preset_and_both_controls_on_three_folds():
    cells = smoothing_cells()
    names = {(cell.problem.task, cell.problem.fold, cell.name) for cell in cells}
    optimizers = {name for _, _, name in names} - {"target", "never_learned"}
    assert optimizers == {"sgd", "adam", "signsgd", "signadam", "adazo", "hybrid", "noise_matched"}
    assert len(names) == len(cells) == 3 * 9
    assert {cell.settings for cell in cells} == {SETTINGS}
    assert (SETTINGS.samples, SETTINGS.forget_facts, SETTINGS.retain_facts) == (300, 60, 60)


def test_long_cells_come_first():
    assert [cell.name for cell in smoothing_cells()[:4]] == ["adazo", "adazo", "adazo", "hybrid"]


def test_a_cell_is_described_by_its_run_the_subspaces_and_its_settings(tmp_path):
    key = Kept(smoothing.work, tmp_path).key
    cell = SmoothCell(PLACE, "sgd")
    described = cell.describe()
    json.dumps(described)
    assert described["run_id"] != described["subspace"]["run"]["run_id"]
    assert described["settings"] == asdict(SETTINGS)
    others = [
        SmoothCell(PLACE, "adam"), SmoothCell(PLACE, "target"), SmoothCell(PLACE, "never_learned"),
        SmoothCell(Problem("topic", 2), "sgd"), SmoothCell(PLACE, "sgd", seed=1),
        replace(cell, settings=replace(SETTINGS, sigmas=(0.01,))),
    ]  # fmt: skip
    assert len({key(one) for one in (cell, *others)}) == 7
    assert key(cell) == key(SmoothCell(PLACE, "sgd"))


@pytest.fixture
def asked(monkeypatch, plane):
    """What cells ask to be measured, without measuring it; one step of relearning."""
    found = []

    def note(model, problem, *, relearned, settings, seed):
        found.append({"model": model, "relearned": relearned, "settings": settings, "seed": seed})
        return {"sweep": {}, "certificates": []}

    monkeypatch.setattr(smoothing, "measure", note)
    monkeypatch.setattr(smoothing, "RELEARNING", "relearn-1")
    monkeypatch.setattr(attack_subspace, "attack_subspace", lambda task: plane)
    return found


@pytest.mark.slow
def test_a_run_cell_is_the_run_at_its_preset_attacked_and_measured(lab, monkeypatch, asked, plane):
    def quick(lab, objective, **given):
        assert (objective, given) == ("npo", {"optimizer": "sgd", "seed": 0, "progress": False})
        return uk.unlearn(lab, objective, steps=1, **given)

    monkeypatch.setattr(smoothing, "unlearn", quick)
    (row,) = smoothing.work(SmoothCell(PLACE, "sgd", settings=TINY))["rows"]
    (call,) = asked
    assert (row["optimizer"], row["fold"], row["measures"]["certificates"]) == ("sgd", 1, [])
    assert (call["settings"], call["seed"]) == (TINY, 0)
    rounding, relearning = row["attacks"]
    rounded = uk.attacks.quantize(call["model"], bits=4, scheme="rtn")
    for attack, attacked in ((rounding, rounded), (relearning, call["relearned"])):
        moved = displacement(attacked, call["model"])
        assert attack["displacement"]["distance_l2"] == pytest.approx(float(moved.norm()))
        assert attack["inside"] == pytest.approx(float(plane.coordinates(moved).norm()))
    assert relearning["scores"] == uk.metrics.evaluate(call["relearned"], lab).to_dict()


def test_a_control_cell_is_judged_and_placed(lab, asked, monkeypatch):
    scores = uk.metrics.Scores(*[0.0] * len(fields(uk.metrics.Scores)))
    monkeypatch.setattr(smoothing, "evaluate", lambda model, lab: scores)
    monkeypatch.setattr(
        smoothing, "control_row", lambda name, *others: {"control": name, "scores": scores.to_dict()}
    )
    monkeypatch.setattr(
        smoothing, "judge", lambda given, references: "not reached" if given == scores else ""
    )
    row = smoothing.work(SmoothCell(PLACE, "target", settings=TINY))["control"]
    assert (row["control"], row["status"], row["cost"]["distance_l2"]) == ("target", "not reached", 0.0)
    assert asked[0]["model"] is lab.model


def test_a_run_that_diverged_is_neither_attacked_nor_measured(lab, asked, monkeypatch):
    run = SimpleNamespace(model=lab.model, status="diverged")
    monkeypatch.setattr(smoothing, "unlearn", lambda *arguments, **options: run)
    monkeypatch.setattr(smoothing, "run_row", lambda run, *others: {"status": run.status})
    (row,) = smoothing.work(SmoothCell(PLACE, "sgd"))["rows"]
    assert (row["measures"], row["attacks"], asked) == (None, [], [])
