"""What every objective of the catalogue must do, and what each claims beside."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.losses import mean_nll
from unlearnkit.testbeds.batches import collate

NAMES = list(uk.objectives.catalogue().name)
KEEPING = [name for name in NAMES if uk.objectives.create(name).keeps]
every = pytest.mark.parametrize("name", NAMES)
every_keeping = pytest.mark.parametrize("name", KEEPING)
every_retain = pytest.mark.parametrize("retain", ["nll", "kl"])


@dataclass(frozen=True)
class Claim:
    """What an objective claims beside what all do.

    `averages`: over what the forget term is a mean: "rows" weigh the same, or "targets" do; so a batch is the
    mean of its parts, weighed so. `forgets`: whether one small step down makes forget rows less likely, once
    the model is finished. A toy holds no true token likely: `options` are those at which it forgets all the
    same.
    """

    averages: str = "targets"
    forgets: bool = True
    options: dict[str, float] = field(default_factory=dict)


CLAIMS = {
    "grad_ascent": Claim(),
    "graddiff": Claim(),
    "npo": Claim("rows"),
    "simnpo": Claim("rows"),
    "idk_dpo": Claim("rows"),
    "task_vector": Claim(),
    "undial": Claim(forgets=False),  # a toy is its own teacher nearly, so it begins some way off
    "wga": Claim(),
    "satimp": Claim(options={"beta1": 0.1}),  # at 5 what is unlikely weighs nothing
    "ceu": Claim(),
    "rmu": Claim("rows", forgets=False),  # it scatters activations
}


def test_the_catalogue_is_a_table():
    table = uk.objectives.catalogue().set_index("name")
    assert list(table.columns[:2]) == ["forget_term", "source"]
    assert {"graddiff", "npo", "grad_ascent", "simnpo", "idk_dpo", "task_vector"} <= set(table.index)
    assert set(table.index) <= set(CLAIMS), "state what it claims"
    assert table.needs_reference[["npo", "idk_dpo"]].all()
    assert not table.needs_reference[["grad_ascent", "graddiff", "simnpo", "task_vector"]].any()
    assert list(table.index[table.needs_refusals]) == ["idk_dpo"]
    assert list(table.index[~table.keeps]) == ["grad_ascent", "task_vector"]
    assert table.papers["npo"] == "2404.05868"


@every
def test_the_loss_is_a_scalar_with_a_gradient(name, moved, asked):
    objective = uk.objectives.create(name)
    loss = objective(moved, *asked(objective))
    assert loss.shape == ()
    gradient = torch.autograd.grad(loss, objective.trained(moved))
    assert all(part.isfinite().all() and part.abs().sum() > 0 for part in gradient)


@every_retain
@every
def test_the_gradient_is_the_finite_difference_in_double(name, retain, double, asked):
    options = {"retain": retain, "retain_weight": 2.0} if name in KEEPING else {}
    objective = uk.objectives.create(name, **options)
    reference, model = double
    weights = objective.trained(model)
    forget, kept = asked(objective, reference)
    gradient = torch.autograd.grad(objective(model, forget, kept), weights)
    draw = torch.Generator().manual_seed(0)
    along = [torch.randn(p.shape, generator=draw, dtype=torch.float64) for p in weights]
    slope = sum((g * d).sum() for g, d in zip(gradient, along, strict=True)).item()
    before, values = [weight.detach().clone() for weight in weights], []
    with torch.no_grad():
        for step in (1e-5, -1e-5):
            for weight, start, direction in zip(weights, before, along, strict=True):
                weight.copy_(start + step * direction)
            values.append(objective(model, forget, kept).item())
        for weight, start in zip(weights, before, strict=True):
            weight.copy_(start)
    assert slope == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6, abs=1e-8)


@every
def test_going_down_makes_the_forget_rows_less_likely(name, reference, moved, asked):
    claim = CLAIMS[name]
    objective = uk.objectives.create(name, retain_weight=0.0, **claim.options)
    start = reference if claim.forgets else moved
    forget, kept = asked(objective)
    stepped = _step(start, objective, (forget, kept))
    with torch.no_grad():
        assert objective(stepped, forget, kept) < objective(start, forget, kept)
    objective.finish_(stepped, start)
    if claim.forgets:
        assert mean_nll(stepped, forget).item() > mean_nll(start, forget).item() + 0.01


@every_keeping
def test_going_down_keeps_what_must_be_kept(name, reference, asked):
    objective = uk.objectives.create(name, retain_weight=1e3, retain="nll")
    batches = asked(objective)
    kept = _step(reference, objective, batches)
    assert mean_nll(kept, batches[1]).item() < mean_nll(reference, batches[1]).item() - 0.001


@every_retain
@every
def test_order_and_padding_change_nothing(name, retain, moved, asked):
    objective = uk.objectives.create(name, retain=retain)
    expected = objective(moved, *asked(objective)).item()
    batches = asked(objective, order=[3, 1, 5, 0, 4, 2], pad_id=7)
    for batch in batches:
        for key in batch:
            for end, fill in (("input_ids", 7), ("attention_mask", 0), ("labels", -100)):
                if key.endswith(end):
                    batch[key] = torch.nn.functional.pad(batch[key], (0, 9), value=fill)
    # A difference of terms of some nats each: what is left may be small, and no surer than they are.
    assert objective(moved, *batches).item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


@every
def test_a_batch_is_the_mean_of_its_rows_or_of_its_targets_as_claimed(name, moved, asked):
    objective = uk.objectives.create(name, retain_weight=0.0)
    whole, _ = asked(objective)
    counts = (whole["labels"][:, 1:] != -100).sum(dim=1).double()
    weights = counts if CLAIMS[name].averages == "targets" else torch.ones_like(counts)
    parts = []
    with torch.no_grad():
        for order in ([0, 1], [2], [3, 4, 5]):
            value = objective.forget_term(moved, asked(objective, order=order)[0]).item()
            parts.append(value * weights[order].sum().item())
        expected = objective.forget_term(moved, whole).item()
    assert counts.unique().numel() > 1
    assert sum(parts) / weights.sum().item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


@every_keeping
def test_the_retain_weight_multiplies_the_retain_loss_and_nothing_else(name, moved, asked):
    made = [uk.objectives.create(name, retain_weight=w, retain="nll") for w in (0.0, 1.0, 2.5)]
    losses = [objective(moved, *asked(objective)).item() for objective in made]
    kept = mean_nll(moved, asked(made[0])[1]).item()
    assert losses[1] - losses[0] == pytest.approx(kept, rel=1e-4)
    assert losses[2] - losses[0] == pytest.approx(2.5 * kept, rel=1e-4)


@every
def test_what_weighs_nothing_is_not_looked_at(name, moved, asked):
    objective = uk.objectives.create(name, retain_weight=0.0, retain="kl")
    assert objective.retain_keys == ()
    forget, _ = asked(objective)
    loss = objective(moved, forget, {})
    assert objective.retain_term(moved, {}).item() == 0
    assert torch.equal(loss, objective.forget_term(moved, forget))


@every_retain
@every
def test_a_missing_reference_raises_and_is_not_guessed(name, retain, reference, asked):
    objective = uk.objectives.create(name, **({"retain": retain} if name in KEEPING else {}))
    forget, kept = asked(objective)
    for side, keys in enumerate((objective.forget_keys, objective.retain_keys)):
        for key in keys:
            bare = [dict(forget), dict(kept)]
            assert bare[side].pop(key) is not None
            with pytest.raises(MissingReference, match=key):
                objective(reference, *bare)


@every
def test_the_model_is_not_changed_by_asking(name, reference, asked, fingerprint):
    before = fingerprint(reference)
    objective = uk.objectives.create(name, retain="kl")
    batches = asked(objective)
    objective(reference, *batches).backward()
    for weight in reference.parameters():
        weight.grad = None
    objective.trained(reference)
    assert fingerprint(reference) == before


@every
def test_half_precision_is_scored_in_float32(name, reference, asked):
    half = copy.deepcopy(reference).bfloat16()
    objective = uk.objectives.create(name)
    loss = objective(half, *asked(objective))
    assert loss.dtype == torch.float32
    assert loss.isfinite()


@every
@pytest.mark.parametrize(
    "options", [{"retain_weight": -1.0}, {"retain_weight": "much"}, {"no_such_option": 1}, {"retain": "all"}]
)
def test_options_that_make_no_sense_are_refused(name, options):
    with pytest.raises(BadInput, match=next(iter(options))):
        uk.objectives.create(name, **options)


def test_an_unknown_option_lists_those_that_there_are():
    with pytest.raises(UnknownName, match=r"objective npo: .bta.*mean .beta.*retain_weight, retain, beta"):
        uk.objectives.create("npo", bta=0.1)


@pytest.mark.parametrize(("given", "nearest"), [("nop", "npo"), ("GradDiff", "graddiff")])
def test_an_unknown_name_lists_the_nearest(given, nearest):
    with pytest.raises(UnknownName, match=rf'objective: "{given}".*did you mean "{nearest}"'):
        uk.objectives.create(given)


def _step(model, objective, batches):
    """One small step down the objective, from a copy."""
    copied = copy.deepcopy(model)
    weights = objective.trained(copied)
    gradient = torch.autograd.grad(objective(copied, *batches), weights)
    norm = torch.cat([part.flatten() for part in gradient]).norm()
    with torch.no_grad():
        for weight, part in zip(weights, gradient, strict=True):
            weight.sub_(part / norm, alpha=0.05)
    return copied


def test_the_rows_to_pad_differ_in_length(rows):
    assert len({len(row.input_ids) for part in rows for row in part}) > 3
    assert collate(rows[0], pad_id=0)["attention_mask"].min() == 0
