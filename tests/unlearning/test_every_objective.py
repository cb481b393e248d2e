"""Every objective of the catalogue goes through the loop: counted, repeatable, and nobody's model changed."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput
from unlearnkit.testbeds import Split
from unlearnkit.testbeds.refusals import REFUSALS, refused
from unlearnkit.unlearning import checkpoints
from unlearnkit.unlearning.configure import configure
from unlearnkit.unlearning.problem import prepare

NAMES = list(uk.objectives.catalogue().name)
every = pytest.mark.parametrize("name", NAMES)
FEW = {"optimizer": "adam", "lr": 1e-3, "batch_size": 4, "seed": 3}
ROW_KEYS = {"input_ids", "attention_mask", "labels"}


def problem(lab, name, **changes):
    return prepare(lab, configure(lab, name, **(FEW | {"steps": 3} | changes)))


@every
def test_a_run_repeats_to_the_bit_and_a_look_on_the_way_changes_nothing(name, toy, same_bits, fingerprint):
    before = fingerprint(toy.model)
    run = uk.unlearn(toy, name, steps=3, progress=False, **FEW)
    looks = [
        (look.step, look.nll_forget(), look.to_run()) for look in checkpoints(toy, name, at=[1, 3], **FEW)
    ]
    assert [step for step, _, _ in looks] == [1, 3]
    for _, depth, seen in looks:
        assert depth == seen.scores.nll_forget
    again = looks[-1][2]
    assert same_bits(run.model, again.model)
    assert (run.id, run.scores, run.history) == (again.id, again.scores, again.history)
    assert fingerprint(toy.model) == before
    assert run.cost.moved_fraction > 0


@every
def test_every_pass_is_counted(name, toy):
    tried = problem(toy, name)
    objective, asked = tried.objective, []
    for method in ("forget_reference", "retain_reference"):
        _count_calls(tried, method, asked)
    list(tried.descent())
    chunks = {"forget_reference": objective.forget_keys, "retain_reference": objective.retain_keys}
    sides = {"forget_reference": tried.forget, "retain_reference": tried.retain}
    expected = [m for m, keys in chunks.items() if keys for _ in range(math.ceil(len(sides[m]) / 4))]
    assert sorted(asked) == sorted(expected)
    of_reference = sum(0.5 * (objective.forget_passes if m == "forget_reference" else 1) for m in asked)
    assert tried.forward_equivalents == 3 * 3 * objective.passes + of_reference


def test_what_a_step_costs_is_what_it_passes():
    prices = {name: uk.objectives.create(name).passes for name in NAMES}
    assert {name: price for name, price in prices.items() if price != 1} == {
        "grad_ascent": 0.5, "task_vector": 0.5, "idk_dpo": 1.5,
    }  # fmt: skip


@every
def test_only_what_the_objective_trains_moves_and_all_is_as_it_was_afterwards(name, toy, make_llama):
    lab = dataclasses.replace(toy, model=make_llama(0))
    lab.model.model.layers[0].mlp.up_proj.weight.requires_grad_(False)
    tried = problem(lab, name)
    named = dict(tried.model.named_parameters())
    trained = {id(weight) for weight in tried.objective.trained(tried.model)}
    (still,) = [n for n, weight in lab.model.named_parameters() if not weight.requires_grad]
    assert id(named[still]) not in trained
    assert {n for n, weight in named.items() if weight.requires_grad} == {
        n for n, weight in named.items() if id(weight) in trained
    }
    list(tried.descent())
    finished = dict(tried.finished_model().named_parameters())
    for n, origin in lab.model.named_parameters():
        assert finished[n].requires_grad == origin.requires_grad
        assert torch.equal(finished[n], origin) or id(named[n]) in trained
        assert finished[n].grad is None


def test_an_objective_that_trains_a_part_moves_that_part(toy, monkeypatch):
    graddiff = type(uk.objectives.create("graddiff"))
    part = "model.layers.1.mlp.down_proj.weight"
    monkeypatch.setattr(graddiff, "trained", lambda self, model: [dict(model.named_parameters())[part]])
    (look,) = checkpoints(toy, "graddiff", at=[2], **FEW)
    assert [n for n, weight in look.problem.model.named_parameters() if weight.requires_grad] == [part]
    assert all(weight.requires_grad for weight in look.model.parameters())
    run = look.to_run()
    moved = {n for n, weight in run.model.named_parameters() if not torch.equal(weight, _named(toy.model, n))}
    assert moved == {part}
    assert all(weight.requires_grad for weight in run.model.parameters())


@pytest.mark.parametrize("optimizer", ["adazo", "hybrid", "sam_forget", "sophia", "adahessian"])
@pytest.mark.parametrize("name", ["grad_ascent", "idk_dpo", "task_vector"])
def test_every_kind_of_optimizer_takes_it(name, optimizer, toy):
    options = {"block": 1, "queries": 1} if optimizer == "hybrid" else {}
    tried = problem(toy, name, optimizer=optimizer, steps=2, optimizer_options=options)
    assert all(map(math.isfinite, tried.descent()))
    assert any(
        not torch.equal(new, old)
        for new, old in zip(tried.model.parameters(), toy.model.parameters(), strict=True)
    )


def test_batches_begun_again_carry_the_same_reference_and_cost_nothing_more(toy):
    tried = problem(toy, "idk_dpo")
    first = next(tried.pairs())[0]
    spent = tried.forward_equivalents
    with torch.no_grad():
        for weight in tried.model.parameters():
            weight.zero_()
    again = next(tried.pairs())[0]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert tried.forward_equivalents == spent


def test_what_finishes_a_model_is_seen_in_every_score(toy):
    (look,) = checkpoints(toy, "task_vector", at=[3], **FEW | {"lr": 1e-2})
    assert look.model is look.model
    assert look.model is not look.problem.model
    run = look.to_run()
    for n, weight in run.model.named_parameters():
        assert torch.equal(weight, _named(look.model, n))
    assert look.nll_forget() == run.scores.nll_forget
    learned = uk.metrics.evaluate(look.problem.model, toy).nll_forget
    assert learned < uk.metrics.evaluate(toy.model, toy).nll_forget < run.scores.nll_forget
    assert not run.model.training
    assert look.problem.model.training


# What cannot be trained


@pytest.mark.parametrize("name", ["graddiff", "grad_ascent"])
@pytest.mark.parametrize("side", ["forget", "retain"])
def test_an_empty_side_is_refused_before_the_first_batch_is_waited_for(side, name, toy):
    lab = dataclasses.replace(toy, **{side: Split("nobody", ())})
    with pytest.raises(BadInput, match=r"'nobody'.* has no rows"):
        problem(lab, name)


@every
def test_a_model_that_is_frozen_whole_is_refused_and_stays_frozen(name, toy, make_llama):
    lab = dataclasses.replace(toy, model=make_llama(0).requires_grad_(False))
    with pytest.raises(BadInput, match=r"lab\.model: none of the weights .*requires_grad_\(True\)"):
        problem(lab, name)


def test_what_came_frozen_is_not_thawed_by_an_objective_that_names_it(toy, make_llama):
    lab = dataclasses.replace(toy, model=make_llama(0))
    first, second = (layer.mlp.down_proj.weight for layer in lab.model.model.layers)
    first.requires_grad_(False)
    tried = problem(lab, "rmu", objective_options={"layer": 1})
    list(tried.descent())
    layers = tried.model.model.layers
    assert torch.equal(layers[0].mlp.down_proj.weight, first)
    assert not torch.equal(layers[1].mlp.down_proj.weight, second)


# Refusals


def test_only_who_needs_them_gets_refusals_one_a_row_and_they_stay_with_it(toy):
    assert set(next(problem(toy, "graddiff").pairs())[0]) == ROW_KEYS
    tried = problem(toy, "idk_dpo")
    texts = {
        row.input_ids: refusal.input_ids for row, refusal in zip(tried.forget, tried.refusals, strict=True)
    }
    pairs = tried.pairs()
    for _ in range(12):
        forget, retain = next(pairs)
        assert set(retain) == ROW_KEYS
        assert {f"refusal_{key}" for key in ROW_KEYS} < set(forget)
        for row, refusal in zip(_rows(forget), _rows(forget, "refusal_"), strict=True):
            assert texts[row] == refusal


def test_refusals_follow_every_kind_of_prompt(toy):
    assert {type(row).__name__ for row in toy.forget.rows} >= {"Question", "Passage"}
    for row, refusal in zip(toy.forget.rows, refused(toy.forget.rows, 0), strict=True):
        assert refusal.prompt == row.prompt
        assert refusal.target.strip() in REFUSALS
    (text,) = refused([uk.testbeds.rows.Text("Once upon a time")], 0)
    assert text.prompt == "Once"


@pytest.mark.parametrize(("text", "prompt"), [(" \n ", " \n "), ("從" * 200, "從" * 20)])
def test_a_piece_that_is_blank_or_has_no_spaces_can_be_refused(text, prompt):
    (row,) = refused([uk.testbeds.rows.Text(text, ids=(5, 6))], 0)
    assert row.prompt == prompt
    assert row.target.strip() in REFUSALS


def test_a_prompt_that_leaves_a_refusal_no_room_is_named_as_such(toy, ask):
    long = dataclasses.replace(ask("Chad", "capital", "A"), question="7 " * 117)
    lab = dataclasses.replace(toy, forget=Split("forget", (long,)))
    with pytest.raises(BadInput, match="idk_dpo puts refusals in place of answers, and so a row has"):
        for seed in range(20):
            problem(lab, "idk_dpo", seed=seed)
    assert problem(lab, "npo").forget


def test_refusals_are_drawn_apart_by_seed_and_row(toy):
    rows = toy.forget.rows
    one, again, other = (tuple(row.target for row in refused(rows, seed)) for seed in (0, 0, 1))
    assert one == again != other
    assert len(set(one)) > 5
    assert tuple(row.target for row in refused(rows[:4], 0)) == one[:4]
    assert len(set(REFUSALS)) == len(REFUSALS) >= 24


def test_refusals_belong_to_the_runs_identity(toy):
    tried = problem(toy, "idk_dpo")
    ids = {tried.identity(tried.config)}
    tried.refusals = tried.refusals[::-1]
    assert tried.identity(tried.config) not in ids


def test_a_testbed_of_running_text_can_be_refused(toy):
    texts = tuple(uk.testbeds.rows.Text(row.target.strip()) for row in toy.forget.rows[:8])
    lab = dataclasses.replace(toy, forget=Split("forget", texts))
    losses = list(problem(lab, "idk_dpo").descent())
    assert all(map(math.isfinite, losses))


def _named(model, name):
    return dict(model.named_parameters())[name]


def _rows(batch, prefix=""):
    pairs = zip(batch[f"{prefix}input_ids"], batch[f"{prefix}attention_mask"].bool(), strict=True)
    return [tuple(ids[mask].tolist()) for ids, mask in pairs]


def _count_calls(tried, method, calls):
    """Note each time that the objective is asked about the reference model."""
    asked = getattr(tried.objective, method)

    def noted(model, batch):
        calls.append(method)
        return asked(model, batch)

    object.__setattr__(tried.objective, method, noted)
