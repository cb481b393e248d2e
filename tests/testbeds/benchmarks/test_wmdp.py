"""WMDP's files: questions with four choices, under every name that they are published by."""

from __future__ import annotations

import json

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.testbeds import Text


def rows(word: str, count: int = 6) -> list[dict]:
    """Harmless questions in WMDP's schema."""
    return [
        {
            "question": f"Which {word} is number {i}?",
            "choices": [f"{word} {k}" for k in range(4)],
            "answer": i % 4,
        }
        for i in range(count)
    ]


@pytest.fixture
def folder(tmp_path, write_lines):
    """Questions to forget and to keep, as export-testbed names them."""
    write_lines(tmp_path / "forget.jsonl", rows("river"))
    write_lines(tmp_path / "retain.jsonl", rows("lake", 5))
    return tmp_path


def load(folder, model, **more):
    return uk.load_testbed(f"wmdp:{folder}", model=model, device="cpu", **more)


def test_the_answer_is_the_choice_that_the_number_points_to(folder, toy_model):
    lab = load(folder, toy_model)
    assert lab.task == "forget"
    asked = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
    assert [question.answer for question in asked] == [f"river {i % 4}" for i in range(6)]
    assert all(question.options == tuple(f"river {k}" for k in range(4)) for question in asked)
    assert all(set(question.wrong_answers) == {*question.options} - {question.answer} for question in asked)
    assert len(lab.retain.questions) == 5


def test_without_texts_an_unlearner_sees_half_of_the_questions(folder, toy_model):
    lab = load(folder, toy_model)
    assert lab.forget.rows == lab.forget_shown.rows
    assert not {*lab.forget_shown.rows} & {*lab.forget_heldout.rows}
    assert lab.kept is lab.retain
    assert "no texts to forget: an unlearner sees the shown half of the questions" in lab.notes


def test_texts_are_what_an_unlearner_sees(folder, toy_model, write_lines):
    write_lines(folder / "forget_corpus.jsonl", [{"text": f"The river {i} runs."} for i in range(4)])
    write_lines(folder / "retain_corpus.jsonl", [{"text": f"The lake {i} lies."} for i in range(3)])
    lab = load(folder, toy_model)
    assert [row.text for row in lab.forget.rows] == [f"The river {i} runs." for i in range(4)]
    assert [row.text for row in lab.kept.rows] == [f"The lake {i} lies." for i in range(3)]
    assert all(isinstance(row, Text) and row.ends for row in (*lab.forget.rows, *lab.kept.rows))
    assert len(lab.forget_shown.questions) == 3
    assert len(lab.forget_shown) == 5


@pytest.mark.parametrize("name", ["wmdp-bio.json", "wmdp_bio.jsonl", "wmdp-bio-00000-of-00001.parquet",
                                  "wmdp-bio/test-00000-of-00001.parquet"])  # fmt: skip
def test_published_names_are_known(tmp_path, toy_model, write_lines, write_parquet, name):
    (write_parquet if name.endswith("parquet") else write_lines)(tmp_path / name, rows("river"))
    write_parquet(tmp_path / "mmlu/test-00000-of-00001.parquet", rows("lake"))
    write_parquet(tmp_path / "mmlu/dev-00000-of-00001.parquet", rows("sea", 3))
    lab = load(tmp_path, toy_model)
    assert lab.task == "bio"
    assert [row.question for row in lab.retain.questions] == [row["question"] for row in rows("lake")]
    assert len(lab.forget_shown) + len(lab.forget_heldout) == 6


def test_the_parts_of_a_deduplicated_topic_are_one(tmp_path, toy_model, write_lines):
    for part in ("T", "V", "dev_T", "dev_V"):
        write_lines(tmp_path / f"data/wmdp_deduped_cyber/{part}.jsonl", rows(part, 3))
    write_lines(tmp_path / "retain.jsonl", rows("lake"))
    lab = load(tmp_path, toy_model, task="cyber")
    assert len(lab.forget_shown) == len(lab.forget_heldout) == 6
    assert lab.forget_shown.questions[0].question.startswith("Which T is")


def test_of_several_topics_one_must_be_named(folder, toy_model, write_lines):
    write_lines(folder / "wmdp-chem.jsonl", rows("metal"))
    with pytest.raises(BadInput, match=r"task: .* holds chem, forget; say which"):
        load(folder, toy_model)
    with pytest.raises(UnknownName, match='task: "bio" is not known'):
        load(folder, toy_model, task="bio")
    assert load(folder, toy_model, task="chem").forget.questions[0].answer == "metal 0"
    write_lines(folder / "wmdp_chem.jsonl", rows("metal"))
    with pytest.raises(BadInput, match="both hold chem questions"):
        load(folder, toy_model, task="chem")


def test_questions_to_keep_cannot_be_done_without(folder, toy_model):
    (folder / "retain.jsonl").unlink()
    with pytest.raises(MissingReference, match=r"has no retain.json or mmlu.json"):
        load(folder, toy_model)


def test_a_subject_of_mmlu_is_no_subject_of_ours(folder, toy_model, write_lines):
    write_lines(folder / "retain.jsonl", [{**row, "subject": "anatomy"} for row in rows("lake")])
    assert len(load(folder, toy_model).retain.subjects) == 6


def test_a_question_with_options_is_left_out_or_raises_but_never_cut(folder, toy_model, write_lines):
    long = {**rows("river")[1], "question": "Which of these? " * 100}
    write_lines(folder / "forget.jsonl", [*rows("river", 4), long])
    for wanted in ("raise", "cut"):
        with pytest.raises(BadInput, match=r"forget.jsonl, row 5: .*skip"):
            load(folder, toy_model, too_long=wanted)
    lab = load(folder, toy_model, too_long="skip")
    assert len(lab.forget_shown) + len(lab.forget_heldout) == 4
    assert "1 rows of forget left out: too long" in lab.notes


def test_json_lines_and_arrays_give_the_same(folder, toy_model, write_array):
    lines = load(folder, toy_model)
    write_array(
        folder / "retain.json", [json.loads(x) for x in (folder / "retain.jsonl").open(encoding="utf-8")]
    )
    with pytest.raises(BadInput, match="both hold 'retain'"):
        load(folder, toy_model)
    (folder / "retain.jsonl").unlink()
    assert load(folder, toy_model).retain == lines.retain
