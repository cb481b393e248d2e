"""What flatness refuses: by name, with the way out, before a weight moves; the model is left as it was."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from unlearnkit.errors import BadInput
from unlearnkit.flatness import (
    connectivity,
    hessian_vector_product,
    sharpness,
    spectrum,
    surface,
    top_eigenvalues,
    trace,
)
from unlearnkit.flatness.pyhessian import PyHessian
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import tiny_gpt2

WEIGHTS = 196


def changed(batch, **fields):
    return [{**batch, **fields}]


def on_meta(batch):
    return [{name: part.to("meta") for name, part in batch.items()}]


# What was given: a name for the case, the call, the argument that the message begins with, its way out

DATA = [
    ("a generator", lambda k: TokenMeanLoss(k.model, iter(k.batches)), "batches must be", r"write list\(…\)"),
    ("one batch", lambda k: TokenMeanLoss(k.model, k.first), "batches must be a list", r"\[batch\]"),
    ("no batch", lambda k: TokenMeanLoss(k.model, []), "batches: the list is empty", "no token"),
    (
        "no targets",
        lambda k: TokenMeanLoss(k.model, changed(k.first, labels=torch.full((3, 7), -100))),
        r"batches\[0\] has no target", "leave the batch out",
    ),
    (
        "targets on padding only",
        lambda k: TokenMeanLoss(k.model, changed(k.first, attention_mask=torch.zeros(3, 7))),
        r"batches\[0\] has no target", "leave the batch out",
    ),
    (
        "no labels",
        lambda k: TokenMeanLoss(k.model, changed(k.first, labels=None)),
        r"batches\[0\]: there is no tensor labels", "are needed",
    ),
    (
        "shapes apart",
        lambda k: TokenMeanLoss(k.model, changed(k.first, labels=k.first["labels"][:, :5])),
        r"batches\[0\]: its tensors must have one shape", r"\(batch, length\)",
    ),
    (
        "ids that are floats",
        lambda k: TokenMeanLoss(k.model, changed(k.first, input_ids=torch.ones(3, 7))),
        r"batches\[0\]: input_ids must be whole numbers", "torch.long",
    ),
    (
        "a label out of the vocabulary",
        lambda k: TokenMeanLoss(k.model, changed(k.first, labels=torch.full((3, 7), 12))),
        r"batches\[0\]: labels has token 12, but the model knows 0 to 11", "own tokenizer",
    ),
    (
        "a token out of the vocabulary",
        lambda k: TokenMeanLoss(k.model, changed(k.first, input_ids=torch.full((3, 7), -1))),
        r"batches\[0\]: input_ids has token -1", "own tokenizer",
    ),
    (
        "data on another device",
        lambda k: TokenMeanLoss(k.model, on_meta(k.first)),
        r"batches\[0\] is on meta, the model on cpu", r"\.to\(\)",
    ),
    ("a model's name", lambda k: TokenMeanLoss("gpt2", k.batches), "model must be a causal", "Module"),
]  # fmt: skip

CURVATURE = [
    ("k above the weights", lambda k: top_eigenvalues(k.loss, 197), "k must be an integer", "196 or below"),
    ("k of 0", lambda k: top_eigenvalues(k.loss, 0), "k must be an integer", "1 or above"),
    ("k of True", lambda k: top_eigenvalues(k.loss, True), "k must be an integer", "not True"),
    ("k of 2.0", lambda k: top_eigenvalues(k.loss, 2.0), "k must be an integer", "not 2.0"),
    ("another which", lambda k: top_eigenvalues(k.loss, which="LR"), "which:", "Known: LM, LA, SA"),
    ("a tolerance of 0", lambda k: top_eigenvalues(k.loss, tolerance=0), "tolerance must be", "above 0"),
    ("too few products", lambda k: top_eigenvalues(k.loss, 5, max_products=4), "max_products", "5 or above"),
    ("a seed in words", lambda k: top_eigenvalues(k.loss, 1, seed="one"), "seed must be an integer", "not"),
    ("one sample", lambda k: trace(k.loss, samples=1), "samples must be an integer", "2 or above"),
    ("samples of True", lambda k: trace(k.loss, samples=True), "samples must be an integer", "not True"),
    ("another method", lambda k: trace(k.loss, method="hutch+"), "method:", 'did you mean "hutch\\+\\+"'),
    (
        "few for Hutch++", lambda k: trace(k.loss, samples=5, method="hutch++"),
        "samples must be an integer", "6 or above",
    ),
    ("no run", lambda k: spectrum(k.loss, runs=0), "runs must be an integer", "1 or above"),
    ("half a step", lambda k: spectrum(k.loss, steps=0.5), "steps must be an integer", "1 or above"),
    (
        "a width of 0", lambda k: spectrum(k.loss, runs=1, steps=2).density(width=0.0),
        "width must be", "above 0",
    ),
    (
        "PyHessian, steps above the weights", lambda k: PyHessian(k.loss).density(steps=197),
        "steps must be an integer", "196 or below",
    ),
    ("PyHessian, a model", lambda k: PyHessian(k.model), "loss must be a TokenMeanLoss", r"\[batch, …\]"),
    (
        "a vector too short", lambda k: hessian_vector_product(k.loss, k.v[1:]),
        "vector must be a flat tensor of 196", r"shape \(195,\)",
    ),
    (
        "a list for a vector", lambda k: hessian_vector_product(k.loss, [1.0] * WEIGHTS),
        "vector must be a flat tensor", "a list",
    ),
    (
        "a vector of NaN", lambda k: hessian_vector_product(k.loss, k.v * math.nan),
        "vector has numbers that are not finite", "says nothing",
    ),
    (
        "a vector elsewhere", lambda k: hessian_vector_product(k.loss, k.v.to("meta")),
        "vector is on meta, the model on cpu", r"\.to\(\)",
    ),
]  # fmt: skip

NEARBY = [
    ("another kind", lambda k: sharpness(k.loss, kind="keskar"), "kind:", "Known: sam, worst"),
    ("a radius of 0", lambda k: sharpness(k.loss, radius=0), "radius must be", "above 0"),
    ("a radius below", lambda k: sharpness(k.loss, kind="worst", radius=-1.0), "radius must be", "above 0"),
    ("an endless radius", lambda k: sharpness(k.loss, radius=math.inf), "radius must be", "a finite number"),
    ("one pair", lambda k: sharpness(k.loss, kind="average", samples=1), "samples must be", "Two pairs"),
    ("no step", lambda k: sharpness(k.loss, kind="worst", steps=0), "steps must be", "1 or above"),
    ("rows for worst", lambda k: sharpness(k.loss, kind="worst", rows=2), "rows:", "leave rows out"),
    ("batches for a loss", lambda k: sharpness(k.batches), "loss must be a TokenMeanLoss", "batches"),
    (
        "two points",
        lambda k: connectivity(k.loss, k.model, k.other, points=2),
        "points must be",
        "3 or above",
    ),
    (
        "another architecture",
        lambda k: connectivity(k.loss, k.model, tiny_gpt2()),
        "model_b: its weights are not model_a's in name and shape .see transformer",
        "both must be of one architecture",
    ),
    (
        "a path for a model",
        lambda k: connectivity(k.loss, "runs/1", k.other),
        "model_a must be a causal language model",
        "a str",
    ),
]

SURFACES = [
    ("even points", lambda k: surface(k.loss, points=4), "points must be odd", "one cell is the model"),
    ("points of True", lambda k: surface(k.loss, points=True), "points must be an integer", "3 or above"),
    ("points of 5.0", lambda k: surface(k.loss, points=5.0), "points must be an integer", "3 or above"),
    ("a span of 0", lambda k: surface(k.loss, span=0.0), "span must be", "above 0"),
    ("a span below", lambda k: surface(k.loss, span=-1), "span must be", "above 0"),
    ("directions unknown", lambda k: surface(k.loss, directions="randon"), "directions:", '"random"'),
    ("one vector", lambda k: surface(k.loss, directions=[k.v]), "directions must be", "two flat vectors"),
    ("another scale", lambda k: surface(k.loss, normalise="rows"), "normalise:", "Known: filter"),
    (
        "parallel vectors", lambda k: surface(k.loss, directions=[k.v, -2 * k.v]),
        "directions: the two vectors are parallel", "no plane",
    ),
    (
        "a vector of NaN", lambda k: surface(k.loss, directions=[k.v, k.v * math.nan]),
        "directions: a vector holds numbers that are not finite", "every cell",
    ),
    (
        "a vector too long", lambda k: surface(k.loss, directions=[k.v, torch.ones(197)]),
        "directions: each vector must be a flat tensor of 196", r"\(197,\)",
    ),
    (
        "models of another architecture", lambda k: surface(k.loss, directions=[k.other, tiny_gpt2()]),
        "directions: .* the other model has no such parameter", "one architecture",
    ),
    (
        "the model itself", lambda k: surface(k.loss, directions=[copy.deepcopy(k.model), k.other]),
        "directions: the first model has the very weights", "give another",
    ),
    (
        "one model twice", lambda k: surface(k.loss, directions=[k.other, k.other]),
        "directions: the three models lie on one line", r"connectivity\(\)",
    ),
    ("no losses", lambda k: surface({}), "loss_or_dict must be", "at least one by name"),
    ("a list of losses", lambda k: surface([k.loss]), "loss_or_dict must be", "dict"),
    (
        "losses of two models", lambda k: surface({"a": k.loss, "b": k.loss.with_model(k.other)}),
        "loss_or_dict: all losses must be of one model", r"with_model\(\)",
    ),
]  # fmt: skip

CASES = [
    pytest.param(call, rf"^{argument}", way_out, id=f"{room}: {name}")
    for room, table in (("data", DATA), ("curvature", CURVATURE), ("nearby", NEARBY), ("surface", SURFACES))
    for name, call, argument, way_out in table
]


@pytest.mark.parametrize(("call", "argument", "way_out"), CASES)
def test_it_is_refused_by_name_with_the_way_out(call, argument, way_out, kit, untouched):
    unchanged = untouched(kit.model)
    with pytest.raises(BadInput, match=argument) as refused:
        call(kit)
    refused.match(way_out)
    assert unchanged()
