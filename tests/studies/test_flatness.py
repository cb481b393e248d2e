"""The study of flatness on the lab: what a cell measures, and what decides it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import unlearnkit as uk
from unlearnkit.fingerprints import weights_hash
from unlearnkit.flatness import hessian_vector_product
from unlearnkit.randomness import generator
from unlearnkit.studies import flatness
from unlearnkit.studies.cells import ControlCell, Problem
from unlearnkit.studies.flatness import FlatCell, displaced_as_far, flatness_cells
from unlearnkit.studies.flatness_measures import SETTINGS, Settings, measure
from unlearnkit.studies.kept import Kept
from unlearnkit.unlearning import displacement

TINY = Settings(
    rows=3, batch_size=2, traced=2, eigenvalues=2, products=3, pairs=2, steps=1, points=3, tolerance=0.5
)
PLACE = Problem("topic", 1)


@pytest.fixture(scope="module")
def lab():
    return PLACE.load()


@pytest.fixture(scope="module")
def before(lab, fingerprint):
    return fingerprint(lab.never_learned), fingerprint(lab.model)


@pytest.fixture(scope="module")
def measured(lab, before):
    return measure(lab.never_learned, lab, ways={"target": lab.model}, settings=TINY)


@pytest.fixture
def adam(lab, monkeypatch):
    """In place of Adam's solution, which takes half a minute: the target, a little way off."""
    near = displaced_as_far(lab.model, lab.never_learned, seed=5)
    with torch.no_grad():
        for weight, start in zip(near.parameters(), lab.model.parameters(), strict=True):
            weight.copy_(start + (weight - start) / 100)
    monkeypatch.setattr(flatness, "adam_model", lambda problem, seed: near)
    monkeypatch.setattr(flatness, "ATTACK", "relearn-1")
    return near


def loss_of(lab, model, split):
    return uk.TokenMeanLoss(model, lab.batches(split, rows=3, batch_size=2))


# What is measured


def test_losses_are_those_of_the_rows_to_forget_and_to_keep(lab, measured):
    for name in ("forget", "retain"):
        loss = loss_of(lab, lab.never_learned, getattr(lab, name))
        assert measured[name]["loss"] == pytest.approx(loss().item(), rel=1e-5)
        assert measured[name]["tokens"] == loss.tokens
        gradient = torch.autograd.grad(loss(), loss.weights)
        norm = sum(float(g.square().sum()) for g in gradient) ** 0.5
        assert measured[name]["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert measured["forget"]["loss"] > 100 * measured["retain"]["loss"]


def test_every_measure_is_that_of_the_room_of_flatness(lab, measured):
    loss = loss_of(lab, lab.never_learned, lab.forget)
    found = measured["forget"]
    assert found["trace"] == uk.flatness.trace(loss, samples=2).to_dict()
    for kind, radius in (("average", 0.005), ("adaptive", 0.1), ("sam", 0.05), ("worst", 0.05)):
        alone = uk.flatness.sharpness(loss, kind=kind, radius=radius, samples=2, steps=1)
        assert found[kind] == alone.to_dict()
    spent = {"max_products": 3, "tolerance": 0.5}
    assert found["top"] == uk.flatness.top_eigenvalues(loss, 2, **spent).to_dict()
    assert found["lowest"] == uk.flatness.top_eigenvalues(loss, 1, which="SA", **spent).to_dict()
    way = uk.flatness.connectivity(loss, lab.model, lab.never_learned, points=3).to_dict()
    assert found["to_target"] == way


def test_ways_lead_from_the_other_model_to_this_one(lab, measured):
    way = measured["forget"]["to_target"]
    assert way["path"][0] == loss_of(lab, lab.model, lab.forget)().item()
    assert way["path"][-1] == loss_of(lab, lab.never_learned, lab.forget)().item()


def test_signs_are_the_seeds_whatever_the_model(lab, measured):
    source = generator(0, "trace")
    size = sum(weight.numel() for weight in lab.model.parameters())
    drawn = [torch.randint(0, 2, (size,), generator=source, dtype=torch.int8) * 2.0 - 1 for _ in range(2)]
    loss = loss_of(lab, lab.never_learned, lab.retain)
    values = [float((v.double() * hessian_vector_product(loss, v).double()).sum()) for v in drawn]
    assert measured["retain"]["trace"]["estimate"] == pytest.approx(np.mean(values), rel=1e-4)


def test_no_model_is_changed(lab, before, measured, fingerprint):
    assert (fingerprint(lab.never_learned), fingerprint(lab.model)) == before


def test_everything_is_drawn_from_the_seed(lab, monkeypatch):
    monkeypatch.setattr("unlearnkit.studies.flatness_measures.LOSSES", ("retain",))
    once, again, other = (
        measure(lab.model, lab, ways={}, settings=TINY, seed=seed)["retain"] for seed in (0, 0, 1)
    )
    assert once == again
    assert once["loss"] == other["loss"]
    for name in ("trace", "top", "lowest", "average", "adaptive"):
        assert once[name] != other[name]


# The random control


def test_the_random_control_lies_as_far_as_adam_tensor_by_tensor(lab):
    moved = displaced_as_far(lab.model, lab.never_learned, seed=0)
    cosines = []
    triples = zip(moved.parameters(), lab.never_learned.parameters(), lab.model.parameters(), strict=True)
    for ours, theirs, start in triples:
        mine, way = (ours - start).detach().flatten().double(), (theirs - start).detach().flatten().double()
        assert float(mine.norm()) == pytest.approx(float(way.norm()), rel=1e-4)
        cosines.append(abs(float(mine @ way / mine.norm() / way.norm())))
    assert np.median(cosines) < 0.05
    again, other = (displaced_as_far(lab.model, lab.never_learned, seed=seed) for seed in (0, 1))
    assert torch.equal(again.lm_head.weight, moved.lm_head.weight)
    assert not torch.equal(other.lm_head.weight, moved.lm_head.weight)


# Cells


def test_every_optimizer_with_a_preset_and_every_control_on_three_folds_of_both_tasks():
    cells = flatness_cells()
    names = {(c.problem.task, c.problem.fold, c.name) for c in cells if isinstance(c, FlatCell)}
    optimizers = {name for task, fold, name in names} - {"target", "never_learned", "random"}
    assert optimizers == {"sgd", "adam", "signsgd", "signadam", "adazo", "hybrid", "noise_matched"}
    assert len(names) == len([c for c in cells if isinstance(c, FlatCell)]) == 2 * 3 * 10
    plants = [(c.problem.task, c.problem.fold) for c in cells if isinstance(c, ControlCell)]
    assert sorted(plants) == [(task, fold) for task in ("entities", "topic") for fold in (1, 2, 3)]


def test_long_cells_come_first():
    assert [cell.name for cell in flatness_cells()[:4]] == ["adazo", "adazo", "adazo", "hybrid"]


def test_a_cell_is_described_by_its_run_adams_and_its_settings(tmp_path):
    key = Kept(flatness.work, tmp_path).key
    cell = FlatCell(PLACE, "sgd")
    described = cell.describe()
    json.dumps(described)
    assert described["run"]["run_id"] != described["adam"]["run_id"]
    others = [
        FlatCell(PLACE, "adam"), FlatCell(PLACE, "random"), FlatCell(PLACE, "target"),
        FlatCell(Problem("topic", 2), "sgd"), FlatCell(PLACE, "sgd", seed=1),
        replace(cell, settings=replace(SETTINGS, sigma=0.01)),
    ]  # fmt: skip
    assert len({key(one) for one in (cell, *others)}) == 7
    assert key(cell) == key(FlatCell(PLACE, "sgd"))


@pytest.fixture
def asked(monkeypatch):
    """What cells ask to be measured, without measuring it."""
    found = []

    def note(model, lab, *, ways, settings, seed):
        found.append({"model": model, "ways": ways, "settings": settings, "seed": seed})
        return {"forget": {}, "retain": {}}

    monkeypatch.setattr(flatness, "measure", note)
    return found


@pytest.fixture
def stub(monkeypatch):
    """Let a run end at once with a model and a status: stub(model, status)."""

    def end(model, status):
        run = SimpleNamespace(model=model, status=status)
        monkeypatch.setattr(flatness, "unlearn", lambda *arguments, **options: run)
        monkeypatch.setattr(flatness, "run_row", lambda run, *others: {"status": run.status})

    return end


@pytest.mark.slow
def test_a_run_cell_is_the_run_at_its_preset_attacked_and_measured(adam, lab, monkeypatch, asked):
    settings = []

    def quick(lab, objective, **given):
        settings.append((objective, given))
        return uk.unlearn(lab, objective, steps=2, **given)

    monkeypatch.setattr(flatness, "unlearn", quick)
    (row,) = flatness.work(FlatCell(PLACE, "signadam", settings=TINY))["rows"]
    assert settings == [("npo", {"optimizer": "signadam", "seed": 0, "progress": False})]
    assert (row["optimizer"], row["status"], row["grade"]) == ("signadam", "not reached", "first order, sign")
    assert [(a["name"], a["params"]["steps"]) for a in row["attacks"]] == [("relearn", 1)]
    (one,) = asked
    assert weights_hash(one["model"]) == row["weights"]
    assert one["ways"] == {"target": lab.model, "adam": adam}
    assert (one["settings"], row["measures"]) == (TINY, {"forget": {}, "retain": {}})


@pytest.mark.parametrize("name", ["target", "never_learned", "random"])
def test_a_control_cell_has_a_status_a_distance_and_measures(adam, lab, monkeypatch, asked, name):
    monkeypatch.setattr(flatness, "control_row", lambda name, *others: {"control": name, "scores": {}})
    monkeypatch.setattr(flatness, "Scores", dict)
    monkeypatch.setattr(flatness, "references", id)
    monkeypatch.setattr(flatness, "judge", lambda scores, against: "as judged")
    row = flatness.work(FlatCell(PLACE, name, settings=TINY))["control"]
    assert (row["control"], row["status"]) == (name, "as judged")
    (one,) = asked
    if name != "random":
        assert one["model"] is getattr(lab, {"target": "model"}.get(name, name))
    distance = displacement(adam, lab.model)["distance_l2"]
    expected = {"target": 0.0, "random": distance, "never_learned": 100 * distance}[name]
    assert row["cost"]["distance_l2"] == pytest.approx(expected, rel=1e-3)


def test_adams_own_cell_has_no_way_to_adam_to_go(lab, stub, asked):
    stub(lab.never_learned, "forgotten")
    flatness.work(FlatCell(PLACE, "adam", settings=TINY))
    assert asked[0]["ways"]["adam"] is asked[0]["model"] is lab.never_learned


def test_a_run_that_diverged_is_not_measured(adam, lab, stub, asked):
    stub(lab.never_learned, "diverged")
    (row,) = flatness.work(FlatCell(PLACE, "sgd", settings=TINY))["rows"]
    assert (row, asked) == ({"status": "diverged", "measures": None}, [])


def test_adams_model_is_made_once(lab, stub):
    flatness.adam_model.cache_clear()
    stub(lab.never_learned, "forgotten")
    first = flatness.adam_model(PLACE, 0)
    stub(lab.model, "forgotten")
    assert flatness.adam_model(PLACE, 0) is first is lab.never_learned
    flatness.adam_model.cache_clear()
