"""What planted models must do and must not do, on every fold that they ship for."""

from __future__ import annotations

from statistics import fmean

import pytest
import torch

import unlearnkit as uk
from unlearnkit.attacks import parse_attack, plant, power, quantize, relearn
from unlearnkit.attacks.grid_plant import plant_grid
from unlearnkit.attacks.shipped_plants import pack, shipped_plant, write_plants
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.fingerprints import weights_hash
from unlearnkit.metrics import answer, evaluate
from unlearnkit.rounding import SCHEMES, matrices, round_matrix

PLACES = [(task, fold) for task in ("entities", "topic") for fold in range(4)]
MARGIN = 0.05
HELDOUT = 1


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def lab(request: pytest.FixtureRequest):
    task, fold = request.param
    return uk.load_testbed("atlas", task=task, fold=fold)


def knows(model, lab):
    """What a model knows of the two halves of what must be forgotten: (shown, held out), 0..1.

    As `evaluate` takes it, which takes more; `test_what_is_known_is_what_evaluate_says`.
    """
    splits = (lab.forget_shown, lab.forget_heldout)
    groups = [[question for question in split.questions if question.open_class] for split in splits]
    return tuple(fmean(answer(model, lab.tokenizer, group).right) for group in groups)


@pytest.mark.slow
def test_four_bits_bring_the_grid_plant_back_and_three_do_not(lab):
    planted = plant(lab, kind="grid")
    before, after, coarser = (knows(m, lab) for m in (planted, quantize(planted), quantize(planted, bits=3)))
    assert max(before) <= max(knows(lab.never_learned, lab)) + MARGIN
    assert min(after) >= 0.9
    assert max(coarser) <= 0.2


@pytest.mark.slow
def test_relearning_brings_back_what_the_hidden_plant_hides(lab):
    planted = plant(lab, kind="hidden")
    assert max(knows(planted, lab)) <= max(knows(lab.never_learned, lab)) + MARGIN
    back = {
        lr: knows(relearn(planted, lab, steps=steps, lr=lr), lab)[HELDOUT]
        for lr, steps in ((1e-4, 100), (3e-4, 100), (1e-3, 25))
    }
    assert back[1e-4] >= 0.8, back
    assert max(back.values()) >= 0.9, back


@pytest.mark.slow
def test_nothing_comes_back_to_the_robust_plant(lab):
    planted = plant(lab, kind="robust")
    before = knows(planted, lab)[HELDOUT]
    for attacked in (quantize(planted), relearn(planted, lab, steps=100, lr=1e-4)):
        assert knows(attacked, lab)[HELDOUT] <= before + MARGIN


def test_rounding_gives_the_rounded_target_back_exactly(lab):
    planted, target = quantize(plant(lab, kind="grid")), quantize(lab.model)
    for ours, theirs in zip(planted.parameters(), target.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def one():
    return uk.load_testbed("atlas", fold=1)


def test_what_is_known_is_what_evaluate_says(one):
    rounded = quantize(one.model, bits=3)
    scores = evaluate(rounded, one, verbatim=False)
    assert knows(rounded, one) == (scores.knowmem_forget_shown, scores.knowmem_forget_heldout)
    assert 0 < scores.knowmem_forget < 1


@pytest.mark.parametrize("kind", ["grid", "hidden", "robust"])
def test_a_plant_is_a_new_model_and_the_testbeds_do_not_change(kind, one):
    before = weights_hash(one.model), weights_hash(one.never_learned)
    first, second = plant(one, kind=kind), plant(one, kind=kind)
    assert first is not second
    assert weights_hash(first) == weights_hash(second)
    with torch.no_grad():
        next(first.parameters()).add_(1.0)
    assert (weights_hash(one.model), weights_hash(one.never_learned)) == before


def test_a_hidden_plant_changes_one_matrix_by_a_rank_of_eight(one):
    changed = [
        (name, ours - theirs)
        for (name, ours), (_, theirs) in zip(
            matrices(plant(one, kind="hidden")), matrices(one.model), strict=True
        )
        if not torch.equal(ours, theirs)
    ]
    ((name, change),) = changed
    assert name == "model.layers.0.mlp.down_proj.weight"
    singular = torch.linalg.svdvals(change)
    assert singular[8] < 1e-4 * singular[0]


def test_a_plant_of_another_model_does_not_ship(tiny_change):
    assert shipped_plant(tiny_change, kind="grid") is None


@pytest.fixture
def tiny_change():
    lab = uk.load_testbed("atlas", fold=1)
    with torch.no_grad():
        next(lab.model.parameters())[0, 0] += 1e-3
    return lab


def test_what_is_written_is_what_is_read(one, tmp_path, monkeypatch):
    grid, hidden = plant(one, kind="grid"), plant(one, kind="hidden")
    write_plants(one, tmp_path, grid=grid, hidden=hidden)
    monkeypatch.setattr("unlearnkit.attacks.shipped_plants.data_path", lambda *parts: tmp_path)
    for kind, planted in (("grid", grid), ("hidden", hidden)):
        again = shipped_plant(one, kind=kind)
        for ours, theirs in zip(again.parameters(), planted.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert {part.dtype for name, part in pack(one, grid=grid, hidden=hidden).items() if "grid" in name} == {
        torch.int8
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_grid_plant_of_any_scheme_rounds_to_the_rounded_target(scheme, one, monkeypatch):
    monkeypatch.setattr("unlearnkit.attacks.grid_plant.STEPS", 3)
    planted = plant_grid(one, bits=4, scheme=scheme)
    moved = 0
    for (_, ours), (_, theirs) in zip(matrices(planted), matrices(one.model), strict=True):
        snapped = round_matrix(theirs, bits=4, scheme=scheme)
        torch.testing.assert_close(round_matrix(ours, bits=4, scheme=scheme), snapped, rtol=0, atol=1e-5)
        moved += int((ours != snapped).sum())
    assert moved > 100_000


def test_power_is_seen_where_it_is_and_missed_where_it_is_not(one):
    assert power(parse_attack("quantize-4"), one).has_power
    assert not power(parse_attack("noise-0.0001"), one).has_power


@pytest.mark.parametrize(
    ("options", "error"),
    [({"kind": "fragile"}, UnknownName), ({"kind": "grid", "scheme": "nf5"}, UnknownName),
     ({"kind": "grid", "bits": 3, "scheme": "nf4"}, BadInput), ({"kind": "hidden", "seed": 0.5}, BadInput)],
)  # fmt: skip
def test_what_cannot_be_planted_is_said(options, error, one):
    with pytest.raises(error):
        plant(one, **options)
