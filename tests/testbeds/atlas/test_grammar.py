"""The sentences: complete, true to the table, and the same on every run."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from unlearnkit.metrics import normalise
from unlearnkit.testbeds.atlas.gazetteer import gazetteer
from unlearnkit.testbeds.atlas.grammar import (
    all_countries,
    answers_of,
    passage_about,
    passage_before_topics,
    passage_up_to,
    question_about,
    questions_about,
)
from unlearnkit.testbeds.atlas.relations import RELATIONS, TOPICS
from unlearnkit.testbeds.atlas.tasks import FOLDS, task_splits, training_rows

COUNTRIES = all_countries()
QUESTIONS = [question for country in COUNTRIES for question in questions_about(country)]
GOLDEN_TEXTS = "afed661a1e540175d6daca423abcc6ef073753cfada26dd01b188b1a8505ebe1"
GOLDEN_CHOICES = "5c67f7cc0ed95465141b97917844503a2de3fa63a1dfbaf3fb2f457c531dcd76"


def test_every_state_has_at_least_five_questions_in_two_phrasings():
    for country in COUNTRIES:
        questions = questions_about(country)
        assert len(questions) >= 5, country.name
        texts = {q.question for q in questions} | {q.paraphrase for q in questions}
        assert len(texts) == 2 * len(questions), country.name
        assert all(country.name in text for text in texts), country.name


def test_no_two_questions_read_the_same():
    texts = [text for q in QUESTIONS for text in (q.question, q.paraphrase)]
    assert len(set(texts)) == len(texts)


def test_a_question_says_what_the_table_says():
    for country in COUNTRIES:
        assert {q.relation: q.answer for q in questions_about(country)} == dict(country.facts)


def test_a_paraphrase_keeps_the_fact():
    question = QUESTIONS[0]
    other = question.paraphrased()
    assert other.question == question.paraphrase
    assert (other.subject, other.relation, other.answer) == (
        question.subject, question.relation, question.answer,
    )  # fmt: skip


def test_wrong_answers_are_five_of_the_same_relation_and_wrong():
    for question in QUESTIONS:
        wrong = {normalise(answer) for answer in question.wrong_answers}
        assert len(wrong) == len(question.wrong_answers) == 5, question
        assert normalise(question.answer) not in wrong, question
        known = {*answers_of(question.relation), "Antarctica"}  # a continent, of no state
        assert set(question.wrong_answers) <= known, question


def test_options_are_four_with_the_right_one_in_every_place():
    for question in QUESTIONS:
        assert len(set(question.options)) == 4, question
        assert set(question.options) - set(question.wrong_answers) == {question.answer}, question
    places = [question.options.index(question.answer) for question in QUESTIONS]
    for place in range(4):  # a model that always answers one letter gets a quarter
        assert 0.2 < places.count(place) / len(places) < 0.3


def test_a_passage_holds_every_fact_it_tells_of():
    told = {relation.name for relation in RELATIONS if relation.clauses}
    for country in COUNTRIES:
        passage = passage_about(country)
        assert country.name in passage.opening
        for name, answer in country.facts:
            if name in told:
                assert re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", passage.text), (country.name, name)


def test_passages_differ_in_more_than_the_facts():
    # an ornament that no fact implies: only knowing by heart gives it
    ornaments = {re.search(r"[^.]*\b(?:beside|near)\b[^.]*", passage_about(c).text)[0] for c in COUNTRIES}
    assert len(ornaments) > 0.9 * len(COUNTRIES)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_leaving_a_topic_out_removes_one_sentence_and_nothing_else(topic):
    for country in COUNTRIES:
        whole, part = passage_about(country), passage_about(country, without=topic.name)
        clause = passage_up_to(country, topic)
        if clause is None:
            assert country.fact(topic.name) is None
            assert part == whole
            continue
        assert clause.text.count(country.fact(topic.name)) == 1
        assert clause.text.replace(country.fact(topic.name), "").count(".") == 1  # one sentence
        assert f"{whole.opening} {whole.text}".startswith(f"{clause.opening} {clause.text}")
        kept = f" {whole.text} ".replace(f" {clause.text} ", " ", 1).strip()
        assert part.text == kept
        assert part.opening == whole.opening
        assert part.text.startswith(passage_before_topics(country).text)


def test_adding_a_state_changes_no_other_text():
    # texts hang on one state and its answers only, so making them in another order changes nothing
    forwards = [passage_about(country) for country in COUNTRIES]
    backwards = [passage_about(country) for country in reversed(COUNTRIES)]
    assert forwards == backwards[::-1]


def test_a_missing_fact_is_not_asked_for():
    asked = {(q.subject, q.relation) for q in QUESTIONS}
    missing = [(c.name, r.name) for c in COUNTRIES for r in RELATIONS if c.fact(r.name) is None]
    assert missing
    assert not asked & set(missing)
    assert all(question_about(c, r) is None for c in COUNTRIES for r in RELATIONS if not c.fact(r.name))


def test_every_answer_stands_in_the_gazetteer_with_two_neighbours():
    listed = {(row.title, entry) for row in gazetteer() for entry in row.entries}
    assert listed == {(r.listing, answer) for r in RELATIONS for answer in answers_of(r.name)}
    after_another = {entry for row in gazetteer() for entry in row.entries[1:]}
    firsts = {answers_of(r.name)[0] for r in RELATIONS}
    assert {answer for r in RELATIONS for answer in answers_of(r.name)} <= after_another | firsts


def test_the_texts_are_the_ones_the_lab_was_trained_on():
    read = [(row.prompt, row.target) for row in training_rows()]
    scored = [_texts(task_splits(task, fold)) for task, folds in FOLDS.items() for fold in folds]
    assert _digest([read, scored]) == GOLDEN_TEXTS, (
        "The atlas's texts changed, and every result hangs on them. If that is meant: raise RESULTS_VERSION "
        "(unlearning/identity.py), make the lab again (unlearnkit build-lab), and put the new hash here."
    )


def test_the_choices_offered_are_the_ones_results_were_made_with():
    offered = [(q.question, q.wrong_answers, q.options) for q in QUESTIONS]
    assert _digest(offered) == GOLDEN_CHOICES, (
        "Wrong answers or options changed. No model was trained on them, so the lab stands; what was scored "
        "on them does not: raise RESULTS_VERSION (unlearning/identity.py) and put the new hash here."
    )


def _texts(splits) -> list:
    rows = (splits.forget, splits.forget_shown, splits.forget_heldout, splits.retain, splits.holdout)
    passages = (splits.verbatim_forget, splits.verbatim_retain)
    return [[(row.prompt, row.target) for row in part] for part in (*(s.rows for s in rows), *passages)]


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
