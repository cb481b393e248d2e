"""MUSE's metrics find what the target knows and nothing in the control, and say how they were taken."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import bootstrap

from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.metrics import evaluate, evaluate_muse, membership_attack
from unlearnkit.metrics.muse.estimate import bootstrap_mean
from unlearnkit.testbeds import Split
from unlearnkit.testbeds.rows import Text


@pytest.fixture(scope="module")
def small(lab):
    """The entity task with part of its rows and passages."""
    return dataclasses.replace(
        lab, retain=Split("retain", lab.retain.rows[:60]), verbatim_forget=lab.verbatim_forget[:12],
        forget_shown=Split("shown", lab.forget_shown.rows[:60]),
        forget_heldout=Split("heldout", lab.forget_heldout.rows[:60]),
        holdout=Split("holdout", lab.holdout.rows[:150]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(toy):
    """Fewer rows still: a model of random weights talks on to every limit."""
    return dataclasses.replace(
        toy, verbatim_forget=toy.verbatim_forget[:1], retain=Split("retain", toy.retain.rows[:20]),
        forget_heldout=Split("heldout", toy.forget_heldout.rows[:10]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def muse(tiny):
    """A testbed with what MUSE's files bring."""
    questions = tiny.retain.questions

    def texts(split, count):
        return Split("texts", tuple(Text(row.prompt + row.target) for row in split.rows[:count]))

    extra = {
        "knowmem_forget_icl": Split("icl", questions[:3]),
        "knowmem_retain_icl": Split("icl", questions[3:5]),
        "privleak_forget": texts(tiny.forget, 7),
        "privleak_holdout": texts(tiny.holdout, 5),
    }
    notes = ("7 rows of privleak_forget cut to 256 tokens", "<b>")
    return dataclasses.replace(tiny, extra=extra, notes=notes)


def test_the_target_knows_everything_and_the_control_nothing(small):
    control = small.never_learned
    target, never = (evaluate_muse(model, small, reference=control) for model in (small.model, control))
    assert min(target.verbmem_forget.mean, target.knowmem_forget.mean, target.utility.mean) > 0.95
    assert never.knowmem_forget.high < 0.1
    assert never.verbmem_forget.high < 0.5
    assert never.utility.low > 0.9
    assert target.privleak.value < -95
    assert never.privleak.value == 0.0
    against_chance = evaluate_muse(control, small, reference=0.5).privleak
    assert against_chance.low < 0 < against_chance.high


def test_the_topic_tasks_clauses_go_on_by_muses_rule(topic_lab):
    few = dataclasses.replace(
        topic_lab, retain=Split("retain", topic_lab.retain.rows[:20]),
        forget_shown=Split("s", topic_lab.forget_shown.rows[:20]), forget_heldout=Split("h", ()),
        verbatim_forget=topic_lab.verbatim_forget[:20],
    )  # fmt: skip
    muse_rule = evaluate_muse(few.model, few).to_dict()
    true_length = evaluate_muse(few.model, few, verbmem_length="true").to_dict()
    assert muse_rule["muse_verbmem_forget_rouge_l_f1"] < 0.8
    assert true_length["muse_verbmem_forget_rouge_l_f1_true_length"] > 0.95
    assert true_length["muse_verbmem_forget_rouge_l_f1_true_length"] == pytest.approx(
        evaluate(few.model, few).verbmem_forget
    )


def test_the_testbeds_control_is_the_reference_unless_another_is_given(tiny):
    itself = evaluate_muse(tiny.never_learned, tiny)
    given = evaluate_muse(tiny.never_learned, tiny, reference=tiny.never_learned)
    assert itself.privleak == given.privleak
    assert itself.privleak.value == 0.0
    assert evaluate_muse(tiny.never_learned, tiny, reference=0.4).privleak.value != 0.0


def test_where_there_are_no_texts_to_compare_it_says_so(tiny):
    bare = dataclasses.replace(tiny, holdout=Split("holdout", ()))
    found = evaluate_muse(tiny.model, bare)
    assert found.privleak is None
    assert any("no holdout texts to compare" in note for note in found.notes)
    with pytest.raises(MissingReference, match="no holdout texts"):
        evaluate_muse(tiny.model, bare, reference=0.5)


def test_without_a_reference_there_is_no_privleak_and_it_says_why(tiny):
    found = evaluate_muse(tiny.model, dataclasses.replace(tiny, load_control=None))
    assert found.privleak is None
    assert found.to_dict()["muse_privleak_min_40"] is None
    assert any("no reference" in note for note in found.notes)
    assert "<td>–</td>" in found._repr_html_()


def test_every_number_has_its_interval_and_can_be_stored(small):
    found = evaluate_muse(small.never_learned, small, reference="muse_news")
    stored = json.loads(json.dumps(found.to_dict()))
    for name in ("verbmem_forget", "knowmem_forget", "utility_knowmem_retain"):
        keys = [f"muse_{name}_rouge_l_f1{end}" for end in ("_low", "", "_high")]
        low, mean, high = (stored[key] for key in keys)
        assert 0 <= low <= mean <= high <= 1
    assert stored["muse_verbmem_forget_rouge_l_f1_low"] < stored["muse_verbmem_forget_rouge_l_f1"]
    assert stored["muse_privleak_reference_auc"] == 0.4772
    assert stored["muse_privleak_bounds"] == [-100.0, pytest.approx(109.6, abs=0.05)]
    assert "PrivLeak" in found._repr_html_()


def test_the_privleak_is_that_of_the_membership_attack(small):
    attack = membership_attack(small.never_learned, small, attack="min_k")
    leak = evaluate_muse(small.never_learned, small, reference=0.5).privleak
    assert leak.attack.value == attack.auc.value
    assert leak.value == pytest.approx((1 - attack.auc.value - 0.5) / 0.5 * 100)


def test_muses_own_examples_and_texts_are_used(muse, make_llama):
    found = evaluate_muse(muse.model, muse, reference=make_llama(5))
    assert any("forget: 3 examples before each question; from knowmem_forget_icl" in n for n in found.notes)
    assert any("retain: 2 examples before each question; from knowmem_retain_icl" in n for n in found.notes)
    assert any("MUSE's privleak texts" in note for note in found.notes)
    assert (found.privleak.attack.members, found.privleak.attack.nonmembers) == (7, 5)
    # A Min-40 % of the first 256 tokens of a text is another number than one of all.
    assert "files: 7 rows of privleak_forget cut to 256 tokens" in found.notes
    assert "<b>" not in found._repr_html_().split("<ul>")[1]


def test_examples_are_drawn_from_retain_when_asked_and_not_asked_again(tiny):
    found, again, other = (evaluate_muse(tiny.model, tiny, pairs=3, seed=seed) for seed in (0, 0, 1))
    asked = sum(question.open_class for question in tiny.retain.questions)
    assert found.utility.n == asked - 3
    assert any("3 examples before each question; drawn from retain, seed 0" in n for n in found.notes)
    assert found == again
    assert found.notes != other.notes


def test_fewer_examples_than_asked_for_are_said(lab, small):
    few = {name: Split(name, getattr(small, name).rows[:8]) for name in ("forget_shown", "forget_heldout")}
    few["retain"] = Split("retain", lab.retain.rows[:70])
    found = evaluate_muse(lab.model, dataclasses.replace(small, **few), pairs=20)
    assert any("of 20, since the model has no more positions" in note for note in found.notes)


def test_nothing_is_changed(tiny, make_llama, fingerprint, random_state):
    model, reference = make_llama(0).train(), make_llama(1).train()
    before = fingerprint(model), fingerprint(reference), random_state()
    evaluate_muse(model, tiny, reference=reference, pairs=2)
    assert (fingerprint(model), fingerprint(reference), random_state()) == before


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"reference": 0.01}, BadInput, "learned them"),
        ({"reference": True}, BadInput, "reference_auc"),
        ({"reference": "muse_new"}, UnknownName, "muse_news"),
        ({"reference": [0.5]}, BadInput, "must be a model"),
        ({"pairs": -1}, BadInput, "pairs"),
        ({"pairs": 10_000}, BadInput, "10000 examples asked for"),
        ({"verbmem_length": "all"}, UnknownName, "128, true"),
    ],
)
def test_bad_options_are_named(options, error, words, toy):
    with pytest.raises(error, match=words):
        evaluate_muse(toy.model, toy, **options)


def test_the_target_is_no_reference(toy):
    with pytest.raises(BadInput, match=r"target, which learned.*never_learned"):
        evaluate_muse(toy.model, toy, reference=toy.model)


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ({"verbatim_forget": ()}, "no passages"),
        ({"retain": Split("retain", ())}, "no retain questions"),
        ({"forget_shown": Split("x", ()), "forget_heldout": Split("x", ())}, "no forget questions"),
        ({"holdout": Split("holdout", ())}, "no holdout texts"),
    ],
)
def test_a_testbed_that_lacks_something_says_what(lacks, words, toy):
    with pytest.raises(MissingReference, match=words):
        evaluate_muse(toy.model, dataclasses.replace(toy, **lacks), reference=0.5)


# The bootstrap


def test_the_bootstrap_is_scipys():
    values = np.random.default_rng(0).beta(2, 5, 100)
    found = bootstrap_mean(values, resamples=5000)
    expected = bootstrap((values,), np.mean, method="percentile", n_resamples=5000).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.004)
    assert found.mean == pytest.approx(values.mean())


def test_the_bootstrap_has_a_stream_of_its_own(random_state):
    values, before = [0.0, 0.5, 1.0, 0.2], random_state()
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values * 9) != bootstrap_mean(values * 9, seed=1)
    assert random_state() == before


@pytest.mark.parametrize("values", [[], [float("nan")], [[1.0]]])
def test_a_mean_of_nothing_is_refused(values):
    with pytest.raises(BadInput, match="values"):
        bootstrap_mean(values)
