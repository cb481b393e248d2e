"""What flatness refuses: by name, with the way out, before a weight moves, and with the model left as it was."""

from __future__ import annotations

import copy
import inspect
import math
from types import SimpleNamespace

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.flatness import (
    connectivity,
    hessian_vector_product,
    memory,
    sharpness,
    spectrum,
    surface,
    top_eigenvalues,
    trace,
)
from unlearnkit.flatness.pyhessian import PyHessian
from unlearnkit.token_mean_loss import TokenMeanLoss

from .small_models import everything, ragged_batches, tiny_gpt2, tiny_llama, trained_llama

WEIGHTS = 196


@pytest.fixture
def kit():
    """A model, its batches, its loss, a vector of its size, and another model beside it."""
    model, batches = trained_llama().train(), ragged_batches()
    return SimpleNamespace(
        model=model, batches=batches, loss=TokenMeanLoss(model, batches), v=torch.ones(WEIGHTS),
        other=tiny_llama(1), first=batches[0],
    )  # fmt: skip


@pytest.fixture
def untouched(kit):
    """Check after the test that the model is as it was, and in each forward pass that no weight has moved."""

    def watch(model):
        before, start = bits(everything(model)), bits(list(model.parameters()))

        def unmoved(*_):
            assert bits(list(model.parameters())) == start

        handle = model.register_forward_pre_hook(unmoved)
        return lambda: (handle.remove(), bits(everything(model)) == before)[1]

    return watch


def bits(value):
    """Comparable, and NaN is like NaN."""
    if isinstance(value, torch.Tensor):
        data = "meta" if value.is_meta else value.detach().reshape(-1).view(torch.uint8).tolist()
        return str(value.dtype), tuple(value.shape), data
    return [bits(part) for part in value] if isinstance(value, list | tuple) else value


def changed(batch, **fields):
    return [{**batch, **fields}]


def on_meta(batch):
    return [{name: part.to("meta") for name, part in batch.items()}]


# What was given: a name for the case, the call, the argument that the message begins with, its way out

DATA = [
    ("a generator", lambda k: TokenMeanLoss(k.model, iter(k.batches)), "batches must be a list", r"list\(…\)"),
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
        "model_b: both models must be of one architecture",
        "differ in",
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


# Models that nothing can be told of, asked by everything

ASKED = {
    "product": lambda loss: hessian_vector_product(loss, torch.ones(WEIGHTS)),
    "eigenvalues": lambda loss: top_eigenvalues(loss, 1),
    "trace": lambda loss: trace(loss, samples=2),
    "spectrum": lambda loss: spectrum(loss, runs=1, steps=2),
    "PyHessian": PyHessian,
    "sam": sharpness,
    "worst": lambda loss: sharpness(loss, kind="worst"),
    "average": lambda loss: sharpness(loss, kind="average"),
    "adaptive": lambda loss: sharpness(loss, kind="adaptive"),
    "surface": lambda loss: surface(loss, points=3),
    "connectivity": lambda loss: connectivity(loss, tiny_llama(1), loss.model),
}
CURVED = ("product", "eigenvalues", "trace", "spectrum", "PyHessian")
everything_asked = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)


def freeze(model):
    model.requires_grad_(False)


@torch.no_grad()
def lose_a_number(model):
    model.model.embed_tokens.weight[1, 1] = math.nan


@torch.no_grad()
def overflow(model):
    """Logits so large that the loss is infinite, by the norm before the head."""
    model.model.norm.weight[:] = 3e38


@everything_asked
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lose_a_number, r"nan\b.*look for weights that are not numbers"),
        (overflow, r"(inf|nan)\b.*look for weights that are not numbers"),
    ],
    ids=["NaN in a weight", "an infinite loss"],
)
def test_a_loss_that_is_no_number_is_refused_by_everything(ask, spoil, says, kit, untouched):
    spoil(kit.model)
    unchanged = untouched(kit.model)
    with pytest.raises(BadInput, match=says):
        ask(kit.loss)
    assert unchanged()


@pytest.mark.parametrize("name", [name for name in ASKED if name != "connectivity"])
def test_a_frozen_model_is_refused_by_all_that_look_around_it(name, kit, untouched):
    freeze(kit.model)
    unchanged = untouched(kit.model)
    loss = TokenMeanLoss(kit.model, kit.batches)
    with pytest.raises(BadInput, match="no parameter of the model requires gradients"):
        ASKED[name](loss)
    assert unchanged()


@pytest.mark.parametrize("name", CURVED)
def test_flash_attention_is_refused_where_it_would_be_left_out_of_the_curvature(name, kit, untouched):
    kit.model.config._attn_implementation = "flash_attention_2"
    unchanged = untouched(kit.model)
    with pytest.raises(BadInput, match='flash_attention_2, has no second derivative.*"eager" or "sdpa"'):
        ASKED[name](kit.loss)
    assert unchanged()


def test_a_model_on_two_devices_is_refused_with_their_names(kit):
    kit.model.model.norm.to("meta")
    with pytest.raises(BadInput, match=r"^model: .*on cpu, model\.norm\.weight on meta\).*model\.to\(\)"):
        TokenMeanLoss(kit.model, kit.batches)


@pytest.mark.parametrize("name", ["eigenvalues", "spectrum"])
def test_what_does_not_fit_into_memory_is_refused_with_both_numbers(name, kit, untouched, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2000)
    unchanged = untouched(kit.model)
    says = r"basis vectors of 196 numbers would take [\d.]+ MB, but 0\.002 MB are free on cpu; give .*smaller|fewer"
    with pytest.raises(BadInput, match=says):
        ASKED[name](kit.loss)
    assert unchanged()


@pytest.mark.parametrize("ask", [top_eigenvalues, trace, spectrum])
def test_a_matrix_that_is_not_known_is_refused(ask, kit):
    if "matrix" not in inspect.signature(ask).parameters:
        pytest.skip("one matrix only")
    with pytest.raises(BadInput, match='^matrix: "fisher" is not known'):
        ask(kit.loss, matrix="fisher")


# Half precision: derivatives are taken of it, but it cannot be moved by little


MOVED = [name for name in ASKED if name not in CURVED]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", MOVED)
def test_half_precision_is_refused_by_what_moves_weights_before_a_pass(name, dtype, kit):
    half = kit.loss.with_model(copy.deepcopy(kit.model).to(dtype))
    passes = []
    half.model.register_forward_pre_hook(lambda *_: passes.append(1))
    says = rf"must be float32 or float64 to be moved, but one is {dtype}.*copy\.deepcopy\(model\)\.float\(\)"
    with pytest.raises(BadInput, match=says):
        ASKED[name](half)
    assert not passes


@pytest.mark.parametrize("name", MOVED)
def test_the_way_out_of_half_precision_leads_out(name, kit):
    half = copy.deepcopy(kit.model).bfloat16()
    ASKED[name](kit.loss.with_model(copy.deepcopy(half).float()))
    assert {weight.dtype for weight in half.parameters()} == {torch.bfloat16}


def test_why_a_small_step_of_half_precision_does_not_arrive(kit):
    """What the rule is about: nine in ten weights stay where they were, and a float32 copy moves them all."""
    half = copy.deepcopy(kit.model).bfloat16()
    moved = []
    for model in (half, copy.deepcopy(half).float()):
        weights = list(model.parameters())
        with torch.no_grad(), uk.displaced.displaced(weights) as place:
            place.to((1e-5, [torch.ones_like(weight) for weight in weights]))
            moved.append(sum(int((a != b).sum()) for a, b in zip(weights, place.kept, strict=True)) / WEIGHTS)
    assert moved[0] < 0.1
    assert moved[1] == 1.0


@pytest.mark.parametrize("name", CURVED)
def test_curvature_of_half_precision_weights_is_taken(name, kit):
    ASKED[name](kit.loss.with_model(copy.deepcopy(kit.model).bfloat16()))
