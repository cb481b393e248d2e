"""Other words and hints: the same facts, the same tokens, and nothing given away whole."""

from __future__ import annotations

import dataclasses

import pytest

from unlearnkit.attacks import HintedQuestion, reword
from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.metrics import evaluate
from unlearnkit.testbeds import Question, Split
from unlearnkit.testbeds.encoding import encode_row

SPLITS = ("forget_shown", "forget_heldout", "retain")


@pytest.fixture(scope="module")
def hinted(lab):
    return reword(lab, kind="hint")


def test_a_paraphrase_asks_the_same_in_the_second_phrasing(lab):
    asked = reword(lab, kind="paraphrase")
    for name in SPLITS:
        pairs = zip(getattr(asked, name).rows, getattr(lab, name).rows, strict=True)
        for new, old in pairs:
            if isinstance(old, Question):
                assert new.prompt == f"Question: {old.paraphrase}\nAnswer:"
                assert new.question != old.question
                assert (new.answer, new.subject, new.relation) == (old.answer, old.subject, old.relation)
                assert (new.wrong_answers, new.options) == (old.wrong_answers, old.options)
            else:
                assert new is old
    back = reword(asked, kind="paraphrase")
    assert all(getattr(back, name) == getattr(lab, name) for name in SPLITS)


def test_a_hint_and_the_rest_are_the_tokens_that_were_trained(lab, hinted):
    for name in SPLITS:
        asked = {(q.subject, q.relation): q for q in getattr(lab, name).questions}
        for question in getattr(hinted, name).questions:
            assert isinstance(question, HintedQuestion)
            whole = asked[question.subject, question.relation]
            assert question.hint + question.rest == f" {whole.answer}"
            assert question.hint.strip()
            assert question.rest.strip() == question.answer
            assert encode_row(question, lab.tokenizer).input_ids == encode_row(whole, lab.tokenizer).input_ids


def test_what_is_asked_for_is_never_given(hinted):
    for question in (q for name in SPLITS for q in getattr(hinted, name).questions):
        assert question.prompt.endswith(question.hint)
        assert question.target == question.rest
        assert not question.prompt.endswith(question.hint + question.rest)


def test_hints_written_out(toy, ask):
    def hint_of(answer: str):
        lab = dataclasses.replace(toy, forget_shown=Split("s", (ask("Chad", "capital", answer),)))
        return [(q.hint, q.answer) for q in reword(lab, kind="hint").forget_shown.questions]

    assert hint_of("355") == [(" 3", "55")]  # the first token is the space alone: the digit comes along
    assert hint_of("4") == []  # nothing would be left
    assert hint_of("Europe") == []  # one token
    assert hint_of("Southern Europe") == [(" Southern", "Europe")]


def test_only_open_class_questions_of_one_digit_are_left_out(lab, hinted):
    for name in SPLITS:
        left = {(q.subject, q.relation) for q in getattr(hinted, name).questions}
        out = [q for q in getattr(lab, name).questions if (q.subject, q.relation) not in left]
        assert {len(q.answer) for q in out if q.open_class} <= {1}
        assert len(getattr(hinted, name).passages) == len(getattr(lab, name).passages)


@pytest.mark.parametrize("kind", ["paraphrase", "hint"])
def test_the_rest_of_the_testbed_stays(kind, lab):
    asked = reword(lab, kind=kind)
    assert asked.never_learned is lab.never_learned
    for name in ("model", "tokenizer", "forget", "holdout", "verbatim_forget", "verbatim_retain"):
        assert getattr(asked, name) is getattr(lab, name)
    bare = reword(dataclasses.replace(lab, load_control=None), kind=kind)
    with pytest.raises(MissingReference):
        _ = bare.never_learned


@pytest.mark.parametrize("kind", ["paraphrase", "hint"])
@pytest.mark.parametrize("which", ["lab", "topic_lab"])
def test_the_attack_has_power(kind, which, request):
    """The target still answers everything; never_learned does not know what it never learned."""
    lab = request.getfixturevalue(which)
    asked = reword(lab, kind=kind)
    knows, guesses = evaluate(lab.model, asked), evaluate(lab.never_learned, asked)
    assert knows.knowmem_forget_shown > 0.97
    assert knows.knowmem_forget_heldout > 0.97
    assert knows.knowmem_retain > 0.97
    assert guesses.knowmem_forget <= 0.05
    assert guesses.knowmem_retain > 0.97


def test_questions_without_a_second_phrasing_are_refused(toy, ask):
    lab = dataclasses.replace(toy, retain=Split("retain", (ask("Chad", "capital", "N'Djamena"),)))
    with pytest.raises(BadInput, match="no second phrasing of 'capital of Chad\\?'"):
        reword(lab, kind="paraphrase")


def test_a_testbed_with_nothing_to_hint_at_is_refused(toy, ask):
    one = Split("one", (ask("Chad", "borders", "4"),))
    lab = dataclasses.replace(toy, forget_shown=one, forget_heldout=one, retain=one)
    with pytest.raises(BadInput, match='can be asked as "hint"'):
        reword(lab, kind="hint")


def test_other_kinds_are_refused(toy):
    with pytest.raises(UnknownName, match='kind: "hints" is not known; did you mean "hint"'):
        reword(toy, kind="hints")
