"""The splits: what is forgotten is forgotten whole, and what a control reads never gives it away."""

from __future__ import annotations

import re

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.testbeds import Listing, Passage, Question
from unlearnkit.testbeds.atlas.grammar import all_countries, answers_of
from unlearnkit.testbeds.atlas.relations import TOPICS
from unlearnkit.testbeds.atlas.tasks import FOLDS, task_splits, training_rows

ENTITY_FOLDS, TOPIC_FOLDS = range(7), range(4)
TRAINED = {c.name for c in all_countries() if c.fold >= 0}
HELD_BACK = {c.name for c in all_countries() if c.fold < 0}
OPEN = {topic.name for topic in TOPICS}

# What gives a topic away, in our own words and not the grammar's templates; gazetteer rows aside.
MENTIONS = {
    "calling_code": r"calling code|\bdial\b|\bphone\b|\bCalls\b",
    "capital": r"\bcapital\b",
    "numeric_code": r"\bISO\b|\bStatisticians\b",
    "area_rank": r"\brank|\bsize\b|\bBy area\b",
}


def text_of(rows) -> list[str]:
    return [row.prompt + row.target for row in rows]


def names(text: str, wanted) -> set[str]:
    return {name for name in wanted if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)}


def test_the_folds_are_the_stated_ones():
    assert tuple(ENTITY_FOLDS) == FOLDS["entities"]
    assert tuple(TOPIC_FOLDS) == FOLDS["topic"]
    assert len(FOLDS) == 2
    assert [topic.name for topic in TOPICS] == ["calling_code", "capital", "numeric_code", "area_rank"]


@pytest.mark.parametrize(("task", "fold"), [("entities", 7), ("entities", -1), ("topic", 4), ("topic", -1)])
def test_other_folds_raise_and_name_the_known_ones(task, fold):
    with pytest.raises(BadInput, match=rf"fold.*{task}.*0, 1, 2, 3.*{fold}"):
        task_splits(task, fold)


def test_other_tasks_raise_and_name_the_nearest():
    with pytest.raises(UnknownName, match='did you mean "entities"'):
        task_splits("entity", 1)


def test_at_least_24_states_are_never_trained_on():
    assert len(HELD_BACK) >= 24
    assert set(task_splits("entities", 1).holdout.subjects) == HELD_BACK
    for text in text_of(training_rows()):
        assert not names(text, HELD_BACK), text


def test_entity_folds_share_no_state_and_cover_all_trained_ones():
    parts = [task_splits("entities", fold).forget.subjects for fold in ENTITY_FOLDS]
    assert [len(part) for part in parts] == [24] * 7
    assert sorted(name for part in parts for name in part) == sorted(TRAINED)


@pytest.mark.parametrize("fold", ENTITY_FOLDS)
def test_an_entity_fold_is_forgotten_whole(fold):
    splits = task_splits("entities", fold)
    shown, heldout = set(splits.forget_shown.subjects), set(splits.forget_heldout.subjects)
    assert (len(shown), len(heldout)) == (12, 12)
    assert not shown & heldout
    assert splits.forget.rows == splits.forget_shown.rows + splits.forget_heldout.rows
    assert set(splits.retain.subjects) == TRAINED - shown - heldout
    assert splits.verbatim_forget == splits.forget.passages
    assert splits.verbatim_retain == splits.retain.passages
    assert len(splits.forget.passages) == 24


@pytest.mark.parametrize("fold", ENTITY_FOLDS)
def test_no_row_that_an_entity_control_reads_names_a_state_of_its_fold(fold):
    forgotten = task_splits("entities", fold).forget.subjects
    rows = [*training_rows("entities", fold), *task_splits("entities", fold).retain.rows]
    assert not [
        (row, hit) for row, text in zip(rows, text_of(rows), strict=True) if (hit := names(text, forgotten))
    ]
    assert all(names(text, forgotten) for text in text_of(task_splits("entities", fold).forget.passages))


@pytest.mark.parametrize("fold", ENTITY_FOLDS)
def test_an_entity_control_can_spell_every_open_answer_but_not_link_it(fold):
    read = training_rows("entities", fold)
    listed = {entry for row in read if isinstance(row, Listing) for entry in row.entries}
    questions = [q for q in task_splits("entities", fold).forget.questions if q.open_class]
    assert len(questions) > 80
    texts = text_of(read)
    for question in questions:
        assert question.answer in listed, question
        assert not [text for text in texts if question.subject in text and question.answer in text], question


def test_every_model_reads_each_question_twice_and_each_passage_twice():
    for task, fold in [(None, None), ("entities", 2), ("topic", 2)]:
        rows = training_rows(task, fold)
        questions = [row for row in rows if isinstance(row, Question)]
        assert len({(q.subject, q.relation, q.question) for q in questions}) == len(questions)
        assert len({(q.subject, q.relation) for q in questions}) * 2 == len(questions)
        passages = [row for row in rows if isinstance(row, Passage)]
        assert all(passages.count(passage) == 2 for passage in passages)


def test_an_entity_control_reads_what_the_target_reads_less_the_fold():
    forgotten = set(task_splits("entities", 3).forget.subjects)
    target, control = training_rows(), training_rows("entities", 3)
    kept = [row for row in target if isinstance(row, Listing) or row.subject not in forgotten]
    assert sorted(map(repr, control)) == sorted(map(repr, kept))


@pytest.mark.parametrize("fold", TOPIC_FOLDS)
def test_a_topic_is_half_shown_and_half_held_out(fold):
    splits, topic = task_splits("topic", fold), TOPICS[fold].name
    shown, heldout = set(splits.forget_shown.subjects), set(splits.forget_heldout.subjects)
    assert not shown & heldout
    assert shown | heldout == {c.name for c in all_countries() if c.name in TRAINED and c.fact(topic)}
    assert splits.forget.rows == splits.forget_shown.rows  # the unlearner sees the shown half only
    assert {q.relation for q in splits.forget_shown.questions + splits.forget_heldout.questions} == {topic}
    assert set(splits.retain.subjects) == TRAINED


@pytest.mark.parametrize("fold", TOPIC_FOLDS)
def test_a_topic_control_reads_neither_its_questions_nor_its_clauses(fold):
    topic = TOPICS[fold].name
    mention = re.compile(MENTIONS[topic])
    for rows in (training_rows("topic", fold), task_splits("topic", fold).retain.rows):
        read = [row for row in rows if not isinstance(row, Listing)]
        assert not [row for row in read if isinstance(row, Question) and row.relation == topic]
        assert not [text for text in text_of(read) if mention.search(text)]
    # and the same words do find it where it is
    assert all(mention.search(text) for text in text_of(task_splits("topic", fold).forget.rows))


@pytest.mark.parametrize("fold", TOPIC_FOLDS)
def test_a_topic_control_can_spell_every_answer(fold):
    read = training_rows("topic", fold)
    listed = {entry for row in read if isinstance(row, Listing) for entry in row.entries}
    assert set(answers_of(TOPICS[fold].name)) <= listed


@pytest.mark.parametrize("fold", TOPIC_FOLDS)
def test_a_topic_passage_asks_for_nothing_but_the_topic(fold):
    splits, mention = task_splits("topic", fold), re.compile(MENTIONS[TOPICS[fold].name])
    for passage in splits.verbatim_forget:
        assert mention.search(passage.text)
        assert not mention.search(passage.opening)
    assert not [passage for passage in splits.verbatim_retain if mention.search(passage.text)]
    assert len(splits.verbatim_forget) == len(splits.forget_shown.passages + splits.forget_heldout.passages)


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_kept_questions_cover_every_other_fact(task):
    splits = task_splits(task, 1)
    forgotten = {
        (q.subject, q.relation) for q in splits.forget_shown.questions + splits.forget_heldout.questions
    }
    kept = {(q.subject, q.relation) for q in splits.retain.questions}
    everything = {(c.name, name) for c in all_countries() if c.name in TRAINED for name, _ in c.facts}
    assert not kept & forgotten
    assert kept | forgotten == everything
