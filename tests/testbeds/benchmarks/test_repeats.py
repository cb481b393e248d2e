"""Published files repeat rows: each is kept once, and the notes say so."""

from __future__ import annotations

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput


def qa(word: str, **more) -> dict:
    return {"question": f"{word}?", "answer": word} | more


def mcq(word: str, choices: str = "abcd", answer: int = 1) -> dict:
    return {"question": f"{word}?", "choices": list(choices), "answer": answer}


def load(name, model):
    return uk.load_testbed(name, model=model, device="cpu")


def test_rows_of_tofu_keep_their_order_and_their_authors(tmp_path, toy_model, write_lines):
    """40 rows are two authors of 20 places each, also where the sixth row is the first once more."""
    rows = [qa(f"a{i}") for i in range(39)]
    write_lines(tmp_path / "forget01.json", [*rows[:5], rows[0], *rows[5:]])
    write_lines(tmp_path / "retain99.json", [qa("kept"), qa("kept", answer="another"), qa("kept")])
    wrong = [qa("a1", perturbed_answer=["x"])] * 2
    write_lines(tmp_path / "forget01_perturbed.json", wrong)
    lab = load(f"tofu:{tmp_path}", toy_model)
    assert [q.answer for q in lab.forget.questions] == [row["answer"] for row in rows]
    assert [len(half) for half in (lab.forget_shown, lab.forget_heldout)] == [19, 20]
    assert len(lab.forget.subjects) == 2
    assert lab.forget.questions[1].wrong_answers == ("x",)
    assert [q.answer for q in lab.retain.questions] == ["kept", "another"]
    for part in ("forget01", "forget01_perturbed", "retain99"):
        assert f"1 rows of {part} stand there a second time, and were left out" in lab.notes


def test_questions_of_muse_may_come_again(tmp_path, toy_model, write_array):
    for part in ("raw/forget", "raw/retain1"):
        write_array(tmp_path / f"{part}.json", ["One text.", "Another."])
    write_array(tmp_path / "knowmem/forget_qa.json", [qa("a"), qa("b"), qa("a"), qa("b", answer="c")])
    write_array(tmp_path / "knowmem/retain_qa.json", [qa("d")])
    lab = load(f"muse:{tmp_path}", toy_model)
    asked = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
    assert [q.answer for q in asked] == ["a", "b", "c"]
    assert "1 rows of forget_qa stand there a second time, and were left out" in lab.notes


@pytest.fixture
def choices(tmp_path, write_lines):
    write_lines(tmp_path / "forget.jsonl", [mcq("a"), mcq("b"), mcq("a", "dcba", 2)])
    return tmp_path


def test_mmlu_repeats_questions_and_choices(choices, toy_model, write_lines):
    """As its test set does: whole rows, wrong choices, and the right one (hendrycks/test, issue 29)."""
    rows = [mcq("a"), mcq("a"), mcq("a", "abce"), mcq("b", "abcc"), mcq("c", "abbd"), mcq("d")]
    write_lines(choices / "mmlu.jsonl", rows)
    lab = load(f"wmdp:{choices}", toy_model)
    assert [q.question for q in lab.retain.questions] == ["a?", "a?", "b?", "d?"]
    assert lab.retain.questions[2].wrong_answers == ("a", "c", "c")
    assert "1 rows of mmlu stand there a second time, and were left out" in lab.notes
    assert "1 rows of mmlu left out: their right choice stands there twice" in lab.notes
    assert len(lab.forget_shown) + len(lab.forget_heldout) == 3  # other choices make another question
    scores = uk.metrics.evaluate_wmdp(lab.model, lab, about="letters")
    assert scores["retain"].letter.n == 4


def test_one_question_with_two_answers_is_refused(choices, toy_model, write_lines):
    write_lines(choices / "mmlu.jsonl", [mcq("a"), mcq("b"), mcq("a", answer=3)])
    with pytest.raises(BadInput, match=r'mmlu.jsonl, row 3, field "answer": is not that of .*row 1'):
        load(f"wmdp:{choices}", toy_model)
