"""RMU steers one layer's activations (2403.03218), the same whatever the batch (trap 6)."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PhiConfig,
    PhiForCausalLM,
)

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.objectives import RMU
from unlearnkit.objectives.layers import activations, decoder_layers, mlp_output
from unlearnkit.objectives.rmu import direction
from unlearnkit.testbeds.batches import collate

SMALL = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
FAMILIES = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=3, n_head=2)),
    "neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SMALL, intermediate_size=16)),
    "phi": lambda: PhiForCausalLM(PhiConfig(**SMALL, intermediate_size=16)),
}


@pytest.fixture(scope="module")
def deep(make_llama):
    """A Llama of four layers, and one that moved off it."""
    return make_llama(0, num_hidden_layers=4)


@pytest.fixture(scope="module")
def off(deep, noisy):
    """One that has moved."""
    return noisy(deep, 0.05)


@torch.no_grad()
def by_hand(model, reference, rows, layer, *, coefficient=None, relative=None, positions="targets"):
    """Mean over rows of the mean over places of squared distance, a row at a time, by Hugging Face's states.

    With a coefficient: from the direction; without: from the reference's activations.
    """
    means = []
    for row in rows:
        ids = torch.tensor([row.input_ids])
        now, before = (
            m(input_ids=ids, output_hidden_states=True).hidden_states[layer + 1][0].double()
            for m in (model, reference)
        )
        at = range(len(row.input_ids))
        if positions == "targets":
            at = [place - 1 for place, label in enumerate(row.labels) if label != -100]
        target = before
        if coefficient is not None:
            u = direction(now.shape[1], 0).double()
            target = coefficient * u * (before.norm(dim=1, keepdim=True) if relative else 1.0)
        means.append((now - target).square().mean(dim=1)[list(at)].mean().item())
    return sum(means) / len(means)


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize("positions", ["targets", "all"])
def test_the_value_is_the_formula_row_by_row(adaptive, positions, deep, off, rows, batches, carried):
    objective = RMU(layer=2, coefficient=3.0, adaptive=adaptive, positions=positions, retain_weight=7.0)
    forget, retain = carried(objective, deep, batches)
    steered = by_hand(off, deep, rows[0], 2, coefficient=3.0, relative=adaptive, positions=positions)
    kept = by_hand(off, deep, rows[1], 2, positions=positions)
    assert objective.forget_term(off, forget).item() == pytest.approx(steered, rel=1e-5)
    assert objective.retain_term(off, retain).item() == pytest.approx(7 * kept, rel=1e-5)
    assert objective(off, forget, retain).item() == pytest.approx(steered + 7 * kept, rel=1e-5)


def test_activations_are_neither_a_layer_off_nor_normed(deep, batches):
    with torch.no_grad():
        states = deep(
            input_ids=batches[0]["input_ids"],
            attention_mask=batches[0]["attention_mask"],
            output_hidden_states=True,
        ).hidden_states
        for layer in range(3):
            assert torch.equal(activations(deep, batches[0], layer), states[layer + 1])
        last = activations(deep, batches[0], 3)
    assert not torch.equal(last, states[4])
    torch.testing.assert_close(deep.model.norm(last), states[4])


def test_how_rows_are_dealt_into_batches_changes_nothing(deep, off, rows, carried):
    objective = RMU(layer=1)

    def loss(forget, retain, pad_id=0):
        pair = carried(objective, deep, (collate(forget, pad_id=pad_id), collate(retain, pad_id=pad_id)))
        return objective(off, *pair).item()

    whole = loss(*rows)
    halves = [loss(rows[0][a : a + 3], rows[1][a : a + 3]) for a in (0, 3)]
    alone = [loss([one], [other]) for one, other in zip(*rows, strict=True)]
    assert sum(halves) / 2 == pytest.approx(whole, rel=1e-5)
    assert sum(alone) / 6 == pytest.approx(whole, rel=1e-5)
    assert loss(rows[0][::-1], rows[1][::-1], pad_id=9) == pytest.approx(whole, rel=1e-5)


def test_at_the_reference_what_is_kept_adds_nothing(deep, batches, carried):
    objective = RMU(retain_weight=100.0)
    kept = objective.retain_term(deep, carried(objective, deep, batches)[1])
    assert kept.item() == 0
    found = torch.autograd.grad(kept, list(deep.parameters()), allow_unused=True)
    assert all(part is None or part.abs().max() == 0 for part in found)


def test_no_layer_above_has_a_gradient(off, deep, batches, carried):
    objective = RMU(layer=1)
    loss = objective(off, *carried(objective, deep, batches))
    above = [w for layer in off.model.layers[2:] for w in layer.parameters()]
    reached = objective.trained(off)
    found = torch.autograd.grad(loss, [*reached, *above, off.model.norm.weight], allow_unused=True)
    assert all(part.abs().max() > 0 for part in found[: len(reached)])
    assert all(part is None for part in found[len(reached) :])


@pytest.mark.parametrize("retain", ["activations", "kl", "nll"])
def test_the_gradient_is_the_finite_difference_in_double(retain, double_gpt2, slopes, batches, carried):
    objective = RMU(layer=1, retain=retain)
    pair = carried(objective, double_gpt2(1), batches)
    slope, difference = slopes(lambda model: objective(model, *pair), double_gpt2())
    assert slope == pytest.approx(difference, rel=1e-6)


def test_adaptive_means_that_the_scale_of_the_activations_does_not_matter():
    # a model with c times the activations has c^2 times the loss: the same trade, and the same way down
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2)).eval()
    ids = torch.arange(12).view(2, 6)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    found = []
    for scale in (1.0, 3.0):
        handle = decoder_layers(model)[0].register_forward_hook(lambda m, i, out, by=scale: _times(out, by))
        objective = RMU()
        norms = torch.cat(list(objective.forget_reference(model, batch)["reference_norms"]))
        found.append(objective.forget_term(model, {**batch, "reference_norms": norms}).item())
        handle.remove()
    assert found[1] == pytest.approx(9 * found[0], rel=1e-5)


def _times(output, by):
    return (output[0] * by, *output[1:]) if isinstance(output, tuple) else output * by


def test_the_direction_is_drawn_once_for_all_and_leaves_the_global_state(random_state):
    before = random_state()
    u, again, other = direction(64, 0), direction(64, 0), direction(64, 1)
    assert torch.equal(u, again)
    assert not torch.equal(u, other)
    assert u.norm().item() == pytest.approx(1, rel=1e-6)
    assert (u >= 0).all()
    # uniform on [0, 1): mean / root mean square is sqrt(3)/2; a normal's would be 0, U(-1, 1)'s too
    assert direction(100_000, 0).mean().item() * 100_000**0.5 == pytest.approx(3**0.5 / 2, rel=0.01)
    assert random_state() == before


@pytest.mark.parametrize(("depth", "layer"), [(1, 0), (2, 1), (4, 1), (12, 3), (22, 6), (32, 8)])
def test_the_layer_is_a_quarter_of_the_depth_by_itself(depth, layer, make_llama):
    assert RMU().steered(make_llama(0, num_hidden_layers=depth, hidden_size=8)) == layer


def test_three_layers_up_to_it_are_trained(deep):
    layers = deep.model.layers
    assert _names(deep, RMU(layer=3)) == [f"model.layers.{i}.mlp.down_proj.weight" for i in (1, 2, 3)]
    assert _names(deep, RMU(layer=1)) == [f"model.layers.{i}.mlp.down_proj.weight" for i in (0, 1)]
    everything = RMU(layer=3, weights="all").trained(deep)
    assert {id(w) for w in everything} == {id(w) for layer in layers[1:] for w in layer.parameters()}


def _names(model, objective):
    names = {id(weight): name for name, weight in model.named_parameters()}
    return [names[id(weight)] for weight in objective.trained(model)]


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_of_other_families_are_found(family):
    model = FAMILIES[family]().eval()
    assert len(decoder_layers(model)) == 3
    width = mlp_output(decoder_layers(model)[1]).shape
    assert set(width) == ({32, 8} if family == "gpt2" else {16, 8})
    ids = torch.arange(6).view(1, 6)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        states = model(**batch, output_hidden_states=True).hidden_states
        assert torch.equal(activations(model, batch, 1), states[2])


def test_a_model_without_layers_is_refused():
    with pytest.raises(BadInput, match=r"model: no list of None decoder layers in a Linear"):
        decoder_layers(torch.nn.Linear(2, 2))
    with pytest.raises(BadInput, match=r'a Linear has none of mlp.down_proj.*weights="all"'):
        mlp_output(torch.nn.Linear(2, 2))


def test_a_layer_that_the_model_does_not_have_is_refused_before_any_work(toy):
    with pytest.raises(BadInput, match=r"layer must be an integer, 1 or below, not 2. The model has 2"):
        RMU(layer=2).trained(toy.model)


def test_the_model_is_as_it_was_also_after_an_error(deep, batches, fingerprint):
    before = fingerprint(deep), _hooks(deep)
    activations(deep, batches[0], 1)
    with pytest.raises(KeyError):
        activations(deep, {"input_ids": batches[0]["input_ids"]}, 1)
    assert (fingerprint(deep), _hooks(deep)) == before


def _hooks(model):
    """How many hooks each layer has; Hugging Face's output_hidden_states leaves its own."""
    return [len(layer._forward_hooks) for layer in decoder_layers(model)]


def test_a_missing_reference_raises_and_is_not_guessed(deep, batches, carried):
    with pytest.raises(MissingReference, match="reference_norms"):
        RMU().forget_term(deep, batches[0])
    with pytest.raises(MissingReference, match="reference_activations"):
        RMU().retain_term(deep, batches[1])


def test_it_says_what_it_needs():
    assert RMU().forget_keys == ("reference_norms",)
    assert RMU().retain_keys == ("reference_activations",)
    assert RMU(adaptive=False, retain="nll").needs_reference is False
    assert RMU(retain_weight=0.0).retain_keys == ()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"coefficient": 0.0}, "coefficient must be a finite number above 0"),
        ({"layer": -1}, "layer must be an integer, 0 or above"),
        ({"layer": 1.0}, "layer must be an integer"),
        ({"weights": "most"}, "weights"),
        ({"positions": "prompt"}, "positions"),
        ({"variant": "mine"}, "variant"),
        ({"retain": "distance"}, "retain"),
        ({"retain_weight": -1.0}, "retain_weight"),
        ({"direction_seed": "a"}, "direction_seed must be an integer"),
        ({"variant": "wmdp"}, 'variant="wmdp" counts padding'),
    ],
)
def test_options_that_make_no_sense_are_refused(options, named):
    with pytest.raises(BadInput, match=named):
        uk.objectives.create("rmu", **options)
