"""Displacement: by hand, and how many weights unlearning moved across a bin."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

from unlearnkit.attacks import Attack, displacement_of, parse_attack, quantize
from unlearnkit.rounding import SCHEMES, cells
from unlearnkit.unlearning.cost import displacement


@pytest.fixture(scope="module")
def snapped(toy):
    """The toy with a target that lies on its grid: snapped(scheme)."""

    def make(scheme: str):
        return dataclasses.replace(toy, model=quantize(toy.model, scheme=scheme))

    return make


def of(before, lab, scheme):
    attack = parse_attack(f"quantize-4:{scheme}")
    return displacement_of(quantize(before, scheme=scheme), before, attack=attack, lab=lab)


def test_distances_by_hand(toy):
    layer = torch.nn.Linear(2, 1)
    moved = copy.deepcopy(layer)
    with torch.no_grad():
        moved.weight += torch.tensor([[3.0, -4.0]])
        moved.bias += 12.0
    found = displacement_of(moved, layer, attack=parse_attack("noise-1"), lab=toy)
    assert found == {
        "distance_l2": pytest.approx(13),
        "distance_max": pytest.approx(12),
        "flip_fraction": None,
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bins_are_counted_from_the_target_to_what_was_attacked(scheme, snapped):
    lab = snapped(scheme)
    assert of(lab.model, lab, scheme)["flip_fraction"] == 0.0
    inside, across = copy.deepcopy(lab.model), copy.deepcopy(lab.model)
    weight = lab.model.model.layers[1].mlp.up_proj.weight
    rounded, low, high = cells(weight, scheme=scheme)
    free = (low < rounded) & (rounded < high)
    with torch.no_grad():
        inside.model.layers[1].mlp.up_proj.weight.copy_(high)
        over = torch.where(free, rounded + 1.05 * (high - rounded), rounded)
        across.model.layers[1].mlp.up_proj.weight.copy_(over)
    assert of(inside, lab, scheme)["flip_fraction"] == 0.0
    matrices = sum(weight.numel() for weight in lab.model.parameters() if weight.dim() == 2)
    assert of(across, lab, scheme)["flip_fraction"] == pytest.approx(int(free.sum()) / matrices)


def test_by_row_it_is_the_cost_of_a_run(toy, make_llama):
    found = of(make_llama(4), toy, "rtn")["flip_fraction"]
    assert found == displacement(make_llama(4), toy.model)["flip_fraction_4bit"] > 0


def test_what_is_skipped_does_not_count(toy, make_llama):
    before = make_llama(0)
    with torch.no_grad():
        before.model.embed_tokens.weight.mul_(-1)
    for skip, flipped in [((), True), (("embed_tokens",), False)]:
        attack = Attack("quantize", (("bits", 4), ("scheme", "nf4"), ("skip", skip)))
        found = displacement_of(before, before, attack=attack, lab=toy)["flip_fraction"]
        assert (found > 0) == flipped
