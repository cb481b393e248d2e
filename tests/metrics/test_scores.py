"""The seven scores come from the right questions, and taking them changes nothing."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from importlib import import_module

import pytest
import torch

import unlearnkit as uk
from unlearnkit.metrics import Scores, evaluate, references, scores
from unlearnkit.metrics.knowmem import Answered
from unlearnkit.testbeds import Split


@pytest.fixture
def staged(toy, ask, monkeypatch):
    """A testbed of made-up questions, and a model that knows what `known` says."""
    groups = {
        "forget_shown": [ask("A", "capital", "1"), ask("A", "language", "x", open_class=False)],
        "forget_heldout": [
            ask("B", "capital", "2"), ask("B", "area_rank", "3"), ask("B", "language", "x", open_class=False),
            ask("C", "language", "y", open_class=False),
        ],
        "retain": [
            *[ask("D", "capital", str(i)) for i in range(4)], ask("D", "borders", "0", open_class=False),
        ],
    }  # fmt: skip
    splits = {name: Split(name, tuple(rows)) for name, rows in groups.items()}
    staged_lab = dataclasses.replace(toy, **splits)

    def score(known):
        """A model that is right about these (subject, relation, answer) and pays 2 nats for the rest."""

        def answered(model, tokenizer, questions):
            right = [(q.subject, q.relation, q.answer) in known for q in questions]
            nll = tuple(0.5 if hit else 2.0 for hit in right)
            given = tuple(q.answer if hit else "?" for q, hit in zip(questions, right, strict=True))
            return Answered(given, tuple(right), nll, tuple(1 + hit for hit in right))

        monkeypatch.setattr(scores, "answer", answered)
        parts = len(staged_lab.verbatim_forget), len(staged_lab.verbatim_retain)
        monkeypatch.setattr(scores, "recite", lambda *_: [0.25] * parts[0] + [0.75] * parts[1])
        return evaluate(staged_lab.model, staged_lab)

    return score


def test_every_score_comes_from_its_own_questions(staged):
    found = staged(
        {("A", "capital", "1"), ("B", "area_rank", "3"), ("D", "capital", "0"), ("D", "capital", "1")}
    )
    assert found.knowmem_forget_shown == 1.0
    assert found.knowmem_forget_heldout == 0.5
    assert found.knowmem_forget == 1.0  # the worse half
    assert found.knowmem_retain == 0.5
    assert (found.verbmem_forget, found.verbmem_retain) == (0.25, 0.75)
    # forget: two right (0.5 nats, 2 tokens each), four wrong (2 nats, 1 token); retain: two and three
    assert found.nll_forget == pytest.approx((2 * 0.5 + 4 * 2) / (2 * 2 + 4))
    assert found.nll_retain == pytest.approx((2 * 0.5 + 3 * 2) / (2 * 2 + 3))
    assert found.knowmem_by_relation["forget/area_rank"] == 1.0
    assert found.knowmem_by_relation["forget/capital"] == 0.5
    assert found.knowmem_by_relation["retain/capital"] == 0.5


def test_the_halves_are_not_swapped(staged):
    shown, heldout = staged({("A", "capital", "1")}), staged({("B", "capital", "2"), ("B", "area_rank", "3")})
    assert (shown.knowmem_forget_shown, shown.knowmem_forget_heldout) == (1.0, 0.0)
    assert (heldout.knowmem_forget_shown, heldout.knowmem_forget_heldout) == (0.0, 1.0)


def test_closed_answers_are_scored_apart_beside_their_guess_rate(staged):
    found = staged({("A", "language", "x"), ("D", "borders", "0")})
    assert found.knowmem_forget_shown == found.knowmem_forget_heldout == found.knowmem_retain == 0.0
    # languages x, x, y: always saying x scores 2 of 3
    assert found.closed_class["forget"] == pytest.approx(1 / 3)
    assert found.closed_class["forget_guess"] == pytest.approx(2 / 3)
    assert found.closed_class["retain"] == found.closed_class["retain_guess"] == 1.0


def test_the_labs_guess_rate_is_a_count_by_hand(lab):
    asked = [q for q in (*lab.forget_shown.questions, *lab.forget_heldout.questions) if not q.open_class]
    commonest = {}
    for relation in {q.relation for q in asked}:
        commonest[relation] = max(Counter(q.answer for q in asked if q.relation == relation).values())
    assert references(lab).target.closed_class["forget_guess"] == pytest.approx(
        sum(commonest.values()) / len(asked)
    )


def test_a_score_that_was_not_taken_is_not_zero(toy):
    empty = dataclasses.replace(toy, verbatim_forget=())
    assert math.isnan(evaluate(toy.model, empty).verbmem_forget)


@pytest.mark.parametrize("training", [True, False])
def test_evaluating_changes_nothing(training, toy, make_llama, fingerprint, random_state):
    model = make_llama(3).train(training)
    model.model.layers[0].eval()  # kept in evaluation mode on purpose
    model.model.norm.weight.grad = torch.ones_like(model.model.norm.weight)
    model.model.layers[1].requires_grad_(False)
    before, state = fingerprint(model), random_state()
    first = evaluate(model, toy)
    assert fingerprint(model) == before
    assert random_state() == state
    assert evaluate(model, toy) == first


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_the_mode_comes_back_when_scoring_fails(fault, toy, make_llama, fingerprint, monkeypatch):
    def fail(*_):
        raise fault

    model = make_llama(3).train()
    before = fingerprint(model)
    monkeypatch.setattr(scores, "recite", fail)
    with pytest.raises(fault):
        evaluate(model, toy)
    assert fingerprint(model) == before


def test_dropout_is_off_while_scoring(toy, make_llama):
    model = make_llama(3, attention_dropout=0.9)
    assert evaluate(model.train(), toy) == evaluate(model.eval(), toy)


def test_scores_go_to_json_and_back():
    made = Scores(0.1, 0.2, 0.3, 0.4, 0.5, 6.0, 7.0, {"forget/capital": 0.1}, {"forget": 0.5})
    assert Scores(**json.loads(json.dumps(made.to_dict()))) == made
    assert list(made.headline().values()) == [0.1, 0.2, 0.3, 0.4, 0.5, 6.0, 7.0]
    assert "<td>nll_forget</td><td style='text-align:right'>6.000</td>" in made._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.nll_forget = 0.0


def test_references_are_taken_once_and_kept_apart(toy, make_llama, monkeypatch):
    calls = []
    module = import_module("unlearnkit.metrics.references")
    monkeypatch.setattr(module, "evaluate", lambda model, lab: calls.append(model) or len(calls))
    one = dataclasses.replace(toy)
    assert references(one) is references(one)
    assert calls == [one.never_learned, one.model]
    assert (references(one).target, references(one).never_learned) == (2, 1)
    alone = dataclasses.replace(toy, load_control=None)
    assert references(alone).never_learned is None


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_scores(lab):
    there = uk.load_testbed("atlas", fold=1, device="cuda")
    on_cpu, on_gpu = evaluate(lab.never_learned, lab), evaluate(there.never_learned, there)
    for name, value in on_cpu.headline().items():
        assert on_gpu.headline()[name] == pytest.approx(value, abs=0.01), name


def test_without_verbatim_memory_the_rest_is_the_same_and_its_scores_are_no_numbers(toy):
    whole, quick = evaluate(toy.model, toy), evaluate(toy.model, toy, verbatim=False)
    assert math.isnan(quick.verbmem_forget)
    assert math.isnan(quick.verbmem_retain)
    same = {name: value for name, value in whole.to_dict().items() if not name.startswith("verbmem")}
    assert same == {name: quick.to_dict()[name] for name in same}
