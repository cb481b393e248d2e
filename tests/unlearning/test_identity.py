"""A run's id changes with everything that decides its result, and with nothing else."""

from __future__ import annotations

import hashlib

import pytest
import torch

from unlearnkit.fingerprints import weights_hash
from unlearnkit.testbeds.encoding import Encoded
from unlearnkit.unlearning.identity import RESULTS_VERSION, rows_hash, run_id
from unlearnkit.unlearning.run import RunConfig

CONFIG = RunConfig(
    testbed="atlas", task="entities", fold=1, objective="npo", objective_options={"beta": 0.1},
    optimizer="adam", grade="first order", optimizer_options={}, lr=3e-4, steps=160, batch_size=16, seed=0,
    max_grad_norm=1.0, loss_on="answer",
)  # fmt: skip
CHANGES = {
    "testbed": "tofu", "task": "topic", "fold": 2, "objective": "graddiff",
    "objective_options": {"beta": 0.2}, "optimizer": "sgd", "grade": "zeroth order",
    "optimizer_options": {"momentum": 0.9}, "lr": 3.0001e-4,
    "steps": 161, "batch_size": 8, "seed": 1, "max_grad_norm": None, "loss_on": "row",
}  # fmt: skip
ROWS = [Encoded((1, 5, 2), (-100, 5, 2)), Encoded((1, 6, 2), (-100, 6, 2))]


def test_every_field_of_the_configuration_counts():
    given = CONFIG.to_dict()
    assert set(CHANGES) == set(given)
    ids = {run_id(given | {name: value}, weights="w", data="d") for name, value in CHANGES.items()}
    assert len(ids | {run_id(given, weights="w", data="d")}) == len(CHANGES) + 1


def test_data_and_weights_count_and_are_not_mixed_up():
    given = CONFIG.to_dict()
    pairs = [("w", "d"), ("v", "d"), ("w", "e"), ("d", "w")]
    assert len({run_id(given, weights=weights, data=data) for weights, data in pairs}) == len(pairs)


def test_the_results_version_counts(monkeypatch):
    before = run_id(CONFIG.to_dict(), weights="w", data="d")
    monkeypatch.setattr("unlearnkit.unlearning.identity.RESULTS_VERSION", RESULTS_VERSION + 1)
    assert run_id(CONFIG.to_dict(), weights="w", data="d") != before


def test_the_order_of_fields_does_not_count():
    given = CONFIG.to_dict()
    backwards = dict(reversed(given.items()))
    assert run_id(given, weights="w", data="d") == run_id(backwards, weights="w", data="d")


def test_an_id_is_the_hash_of_a_text_that_anyone_can_write():
    text = f'{{"config": {{"a": 1}}, "data": "d", "results": {RESULTS_VERSION}, "weights": "w"}}'
    assert run_id({"a": 1}, weights="w", data="d") == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_one_bit_of_one_weight_counts(make_llama):
    model = make_llama(0)
    before = weights_hash(model)
    assert weights_hash(make_llama(0)) == before
    weight = model.model.layers[1].mlp.down_proj.weight
    with torch.no_grad():
        weight.view(torch.int32)[0, 0] ^= 1  # the last bit of the mantissa
    assert weights_hash(model) != before
    with torch.no_grad():
        weight.view(torch.int32)[0, 0] ^= 1
    assert weights_hash(model) == before


def test_minus_zero_is_another_weight():
    zero, minus = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    zero.weight.data.fill_(0.0)
    minus.weight.data.fill_(-0.0)
    assert weights_hash(zero) != weights_hash(minus)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_weights_of_every_dtype_have_a_hash_of_their_own(dtype, make_llama):
    others = {torch.float64, torch.float32, torch.bfloat16, torch.float16} - {dtype}
    hashes = {weights_hash(make_llama(0).to(other)) for other in others}
    assert weights_hash(make_llama(0).to(dtype)) not in hashes


def test_rows_count_with_their_labels_and_their_order():
    relabelled = [Encoded((1, 5, 2), (-100, -100, 2)), ROWS[1]]
    variants = [ROWS, ROWS[::-1], ROWS[:1], relabelled]
    assert len({rows_hash(rows) for rows in variants}) == len(variants)
