"""Everything computed in one go: as one by one, interrupted without harm, refused before any work."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.apps import SmoothingExplorer
from unlearnkit.apps.smoothing import survey as room
from unlearnkit.errors import BadInput, MissingReference, UnknownName

FEW = {
    "sigmas": [0.01], "certify_at": [0.01], "samples": 4, "rows": 4, "points": 3, "forget_facts": 4,
    "retain_facts": 4, "progress": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def lab():
    return uk.load_testbed("atlas", fold=1)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def moved(lab):
    with torch.no_grad():
        other = copy.deepcopy(lab.never_learned)
        next(other.parameters()).mul_(1.01)
    return other


def test_all_parts_are_those_that_one_would_compute_oneself(lab, moved):
    model, before = lab.never_learned, state(lab.never_learned)
    explorer = SmoothingExplorer.of({"adam": model}, lab, attacked={"adam": {"more": moved}}, **FEW)
    seen = explorer.shown.seen
    alone = uk.smoothing.certify(model, lab, sigma=0.01, samples=4, forget_facts=4, retain_facts=4)
    assert seen.certificate.to_dict() == alone.to_dict()
    assert seen.reaches.to_dict() == uk.smoothing.against_attacks(alone, model, {"more": moved}).to_dict()
    assert list(seen.view.paths) == ["more"]
    assert seen.along.distances[-1] == pytest.approx(seen.reaches.reaches[0].distance, rel=1e-6)
    loss = uk.TokenMeanLoss(model, lab.batches(lab.forget, rows=4))
    found = uk.smoothing.compare_gradients(loss, sigma=0.01, samples=4)
    assert [one.to_dict() for one in seen.gradients.estimates.values()] == [
        {**one.to_dict(), "norm": pytest.approx(one.to_dict()["norm"])} for one in found.estimates.values()
    ]
    assert max(one.mean.numel() for one in seen.gradients.estimates.values()) == 1  # no megabytes are kept
    assert same(before, state(model))


def test_interrupted_it_leaves_the_model_and_goes_on_from_what_was_kept(lab, tmp_path, monkeypatch):
    model, before, calls = lab.never_learned, state(lab.never_learned), []

    def interrupted(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "certify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SmoothingExplorer.of(model, lab, keep=tmp_path, **FEW)
    monkeypatch.undo()
    assert same(before, state(model))
    kept = (tmp_path / room.SWEEPS).read_text(encoding="utf-8")
    real = room.certify
    monkeypatch.setattr(room, "certify", lambda *a, **k: calls.append(k["keep"]) or real(*a, **k))
    SmoothingExplorer.of(model, lab, keep=tmp_path, **FEW)
    assert (tmp_path / room.SWEEPS).read_text(encoding="utf-8") == kept  # nothing was computed again
    assert calls == [tmp_path / room.CERTIFICATES]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"models": {}}, "^models must be a model, or a dict"), ({"models": 3}, "^models must be"),
        ({"models": {"adam": 3}}, "^model must be a causal"), ({"sigmas": []}, "^sigmas must be a list"),
        ({"sigmas": [0.1, 0.1]}, "^sigmas: the same sigma twice"), ({"sigmas": [-1.0]}, "^sigmas must be"),
        ({"certify_at": [0.0]}, "^certify_at must be"), ({"points": 4}, "^points must be odd"),
        ({"samples": 1}, "^samples must be"), ({"seed": 0.5}, "^seed"),
        ({"retain_facts": 0}, "^retain_facts"),
        ({"attacked": {"sgd": {}}}, "^attacked"), ({"attacked": 1}, "^attacked must be, by the model's name"),
        ({"attacked": {"adam": {"x": 1}}}, "^model must be a model"),
        ({"attacked": {"adam": {}}, "certify_at": []}, "^attacked: attacks are held against certificates"),
        ({"rows": 10**6}, "rows"), ({"theme": "drak"}, "^theme"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_before_any_work(lab, monkeypatch, more, says):
    for name in ("smoothed_line", "radius_sweep", "compare_gradients", "certify"):
        monkeypatch.setattr(room, name, None)  # calling it would be another error
    given = {"models": {"adam": lab.never_learned}, **FEW, **more}
    with pytest.raises((BadInput, UnknownName, MissingReference), match=says):
        SmoothingExplorer.of(given.pop("models"), lab, **given)
    with pytest.raises(BadInput, match=r"^lab must be a testbed"):
        SmoothingExplorer.of({"adam": lab.never_learned}, None, **FEW)
