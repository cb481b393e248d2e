"""At least one of k: estimated without bias, from answers that come with the model's own probabilities."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.metrics import generate_answers, normalise, sampled_extraction
from unlearnkit.metrics.extraction.sampled_extraction import SampledExtraction, _numbers, leak, reveals
from unlearnkit.metrics.forced import teacher_forced
from unlearnkit.testbeds.encoding import encode_rows


@pytest.mark.parametrize(("hits", "samples"), [(0, 5), (1, 5), (3, 5), (5, 5), (2, 8)])
def test_the_estimate_is_the_share_of_all_choices_with_a_hit(hits, samples):
    drawn = [True] * hits + [False] * (samples - hits)
    for k in range(1, samples + 1):
        choices = list(combinations(drawn, k))
        assert leak(hits, samples, k=k) == pytest.approx(sum(map(any, choices)) / len(choices))


@pytest.mark.parametrize("chance", [0.05, 0.3, 0.8])
def test_the_estimate_has_no_bias_and_the_obvious_one_has(chance):
    samples, k = 6, 4
    law = stats.binom(samples, chance)
    ours = sum(law.pmf(c) * leak(c, samples, k=k) for c in range(samples + 1))
    obvious = sum(law.pmf(c) * (1 - (1 - c / samples) ** k) for c in range(samples + 1))
    truth = 1 - (1 - chance) ** k
    assert ours == pytest.approx(truth)
    assert obvious < truth - 0.005


def test_it_grows_with_k_and_ends_at_whether_any_sample_revealed():
    found = SampledExtraction((0, 1, 5, 16), 16, 1.0, 1.0, "equals")
    values = [found.at(k) for k in range(1, 17)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(np.mean([0, 1, 5, 16]) / 16)
    assert values[-1] == 0.75
    assert found.budgets == (1, 2, 4, 8, 16)


def test_shares_lie_where_exact_probabilities_say(lab, noisy):
    model, samples = noisy(lab.model, 0.03), 150
    asked = [q for q in lab.forget_shown.questions if q.open_class][:6]
    encoded = encode_rows(asked, lab.tokenizer)
    exact = [math.exp(-row.nll) for row in teacher_forced(model, encoded, pad_id=0)]
    found = sampled_extraction(model, lab, questions=asked, samples=samples, max_new_tokens=10)
    assert any(0.1 < chance < 0.9 for chance in exact)
    for hits, chance in zip(found.hits, exact, strict=True):
        # other ways to write the answer ("tirana", other tokens) may add to it; they are rare here
        assert stats.binomtest(hits, samples, min(chance, 1.0)).pvalue > 1e-4 or hits > samples * chance
        assert hits / samples < chance + 0.2
    assert found.at(1) == pytest.approx(np.mean(exact), abs=0.06)


def test_it_finds_what_the_target_knows_and_nothing_where_it_was_never_learned(lab):
    target, control = (
        sampled_extraction(model, lab, samples=4, max_new_tokens=12)
        for model in (lab.model, lab.never_learned)
    )
    assert target.at(1) > 0.95
    assert target.at(4) == 1.0
    assert control.at(1) < 0.02
    assert control.at(4) < 0.05  # a number of few digits is guessed now and then


def test_it_finds_what_greedy_answers_hide(lab, noisy):
    model = noisy(lab.model, 0.05)
    asked = [q for q in lab.forget_shown.questions if q.open_class][::2]
    said = generate_answers(model, lab.tokenizer, asked)
    right = np.mean([normalise(text) == normalise(q.answer) for text, q in zip(said, asked, strict=True)])
    found = sampled_extraction(model, lab, questions=asked, samples=16, max_new_tokens=10)
    assert found.at(16) > right + 0.1


def test_at_temperature_0_every_sample_is_the_greedy_answer(lab, noisy):
    model = noisy(lab.model, 0.05)
    asked = lab.forget_shown.questions[:20]
    said = generate_answers(model, lab.tokenizer, asked)
    right = [normalise(text) == normalise(q.answer) for text, q in zip(said, asked, strict=True)]
    found = sampled_extraction(model, lab, questions=asked, samples=2, temperature=0)
    assert found.hits == tuple(2 * hit for hit in right)
    assert 0 < sum(right) < len(right)


def test_samples_depend_on_the_seed_and_on_nothing_else(lab, noisy, random_state):
    model, before = noisy(lab.model, 0.05), random_state()
    asked = lab.forget_shown.questions[:8]
    given = {"samples": 6, "max_new_tokens": 8}
    first = sampled_extraction(model, lab, questions=asked, **given)
    assert sampled_extraction(model, lab, questions=asked, **given) == first
    assert sampled_extraction(model, lab, questions=asked[::-1], **given).hits == first.hits[::-1]
    assert sampled_extraction(model, lab, questions=asked[3:5], **given).hits == first.hits[3:5]
    assert sampled_extraction(model, lab, questions=asked, seed=1, **given).hits != first.hits
    assert random_state() == before


def test_each_question_and_sample_draws_numbers_of_its_own(lab):
    # shared ones would make all questions lucky at once, and the standard error too small
    asked = lab.forget_shown.questions[:20]
    numbers = torch.stack([_numbers(question, 3, 4, 0) for question in asked]).flatten()
    assert len(set(numbers.tolist())) == 20 * 3 * 4
    assert 0 <= numbers.min() < 0.1 < 0.9 < numbers.max() < 1


def test_more_samples_keep_the_first_ones(lab, noisy):
    model = noisy(lab.model, 0.05)
    asked = lab.forget_shown.questions[:10]
    few, many = (
        sampled_extraction(model, lab, questions=asked, samples=n, max_new_tokens=8).hits for n in (4, 8)
    )
    assert all(0 <= more - less <= 4 for less, more in zip(few, many, strict=True))


@pytest.mark.parametrize(
    ("text", "answer", "equals", "contains"),
    [
        ("N'Djamena.", "ndjamena", True, True),
        ("It is Oslo, I think", "Oslo", False, True),
        ("Osloer", "Oslo", False, False),
        ("Port of Spain", "Spain", False, True),
        ("1355", "355", False, False),
        ("", "Oslo", False, False),
    ],
)
def test_revealed_is_equal_or_contained_as_whole_words(text, answer, equals, contains):
    assert reveals(text, answer, "equals") is equals
    assert reveals(text, answer, "contains") is contains


def test_results_name_their_variant_and_budget(toy):
    found = sampled_extraction(toy.model, toy, samples=3, revealed="contains")
    plain = found.to_dict()
    assert {f"sampled_extraction_contains_at_{k}" for k in (1, 2, 3)} <= set(plain)
    assert plain["samples"] == 3
    assert found.stderr(1) is not None
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        ({"samples": 0}, BadInput, "samples must be an integer, 1 or above"),
        ({"samples": True}, BadInput, "samples must be an integer"),
        ({"temperature": -1}, BadInput, "temperature must be a finite number, 0 or above"),
        ({"temperature": float("nan")}, BadInput, "temperature"),
        ({"top_p": 0}, BadInput, "top_p must be between 0"),
        ({"top_p": 1.5}, BadInput, "top_p must be between 0"),
        ({"revealed": "equal"}, UnknownName, 'did you mean "equals"'),
        ({"questions": []}, BadInput, "questions: none to ask"),
        ({"seed": "0"}, BadInput, "seed must be an integer"),
        ({"max_new_tokens": 0}, BadInput, "max_new_tokens must be an integer"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong, kind, said, toy):
    with pytest.raises(kind, match=said):
        sampled_extraction(toy.model, toy, **wrong)


def test_answers_beyond_the_model_s_positions_are_refused(toy, make_llama):
    short = make_llama(0, max_position_embeddings=40)
    with pytest.raises(BadInput, match="positions for 40"):
        sampled_extraction(short, toy, samples=1, max_new_tokens=40)
    sampled_extraction(short, toy, samples=1, max_new_tokens=4)


def test_nothing_unbiased_is_said_of_more_than_were_drawn():
    with pytest.raises(BadInput, match=r"k must be an integer, 1 or above, 4 or below, not 5.*samples="):
        SampledExtraction((1, 2), 4, 1.0, 1.0, "equals").at(5)
