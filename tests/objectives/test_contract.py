"""What every objective of the catalogue must do."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.losses import mean_nll
from unlearnkit.testbeds.batches import collate

every = pytest.mark.parametrize("name", uk.objectives.catalogue().name)


def test_the_catalogue_is_a_table():
    table = uk.objectives.catalogue()
    assert list(table.columns) == ["name", "forget_term", "source"]
    assert {"graddiff", "npo", "rmu", "undial", "wga", "satimp", "ceu"} <= set(table.name)


@every
def test_the_loss_is_a_scalar_with_a_gradient(name, moved, batches):
    loss = uk.objectives.create(name)(moved, *batches)
    assert loss.shape == ()
    gradient = torch.autograd.grad(loss, list(moved.parameters()))
    assert all(part.isfinite().all() and part.abs().sum() > 0 for part in gradient)


@every
def test_going_down_makes_the_forget_rows_less_likely_and_the_kept_rows_more(name, reference, batches):
    before = [mean_nll(reference, batch).item() for batch in batches]
    forgetting = _step(reference, uk.objectives.create(name, retain_weight=0.0), batches)
    assert mean_nll(forgetting, batches[0]).item() > before[0] + 0.01
    keeping = _step(reference, uk.objectives.create(name, retain_weight=1e3), batches)
    assert mean_nll(keeping, batches[1]).item() < before[1] - 0.01


@every
def test_order_and_padding_change_nothing(name, moved, rows, batches):
    expected = uk.objectives.create(name)(moved, *batches).item()
    order = [3, 1, 5, 0, 4, 2]
    forget, retain = (collate([part[i] for i in order], pad_id=7) for part in rows)
    for batch in (forget, retain):
        for key, fill in (("input_ids", 7), ("attention_mask", 0), ("labels", -100)):
            batch[key] = torch.nn.functional.pad(batch[key], (0, 9), value=fill)
    forget["reference_nll"] = batches[0]["reference_nll"][order]
    # A difference of terms of some nats each: what is left may be small, and no surer than they are.
    again = uk.objectives.create(name)(moved, forget, retain).item()
    assert again == pytest.approx(expected, rel=1e-6, abs=1e-5)


@every
def test_the_retain_weight_multiplies_the_retain_loss_and_nothing_else(name, moved, batches):
    kept = mean_nll(moved, batches[1]).item()
    losses = [uk.objectives.create(name, retain_weight=w)(moved, *batches).item() for w in (0.0, 1.0, 2.5)]
    assert losses[1] - losses[0] == pytest.approx(kept, rel=1e-5)
    assert losses[2] - losses[0] == pytest.approx(2.5 * kept, rel=1e-5)


@every
def test_the_model_is_not_changed_by_asking(name, reference, batches, fingerprint):
    before = fingerprint(reference)
    uk.objectives.create(name)(reference, *batches)
    assert fingerprint(reference) == before


@every
@pytest.mark.parametrize(
    "options", [{"retain_weight": -1.0}, {"retain_weight": "much"}, {"no_such_option": 1}]
)
def test_options_that_make_no_sense_are_refused(name, options):
    with pytest.raises(BadInput, match=r"retain_weight|no_such_option"):
        uk.objectives.create(name, **options)


@pytest.mark.parametrize(("given", "nearest"), [("nop", "npo"), ("GradDiff", "graddiff")])
def test_an_unknown_name_lists_the_nearest(given, nearest):
    with pytest.raises(UnknownName, match=rf'objective: "{given}".*did you mean "{nearest}"'):
        uk.objectives.create(given)


def _step(model, objective, batches):
    """One small step down the objective, from a copy."""
    copied = copy.deepcopy(model)
    loss = objective(copied, *batches)
    gradient = torch.autograd.grad(loss, list(copied.parameters()))
    norm = torch.cat([part.flatten() for part in gradient]).norm()
    with torch.no_grad():
        for weight, part in zip(copied.parameters(), gradient, strict=True):
            weight.sub_(part / norm, alpha=0.05)
    return copied
