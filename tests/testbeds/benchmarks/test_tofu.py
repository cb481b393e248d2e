"""TOFU's files: which rows are forgotten and kept, and what belongs to which question."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.testbeds.benchmarks.tofu import read_tofu, retain_of
from unlearnkit.testbeds.files import read_rows


def question(number: int, who: str = "Ada") -> dict[str, str]:
    return {"question": f"What did {who} write in {number}?", "answer": f"{who}'s book {number}"}


def perturbed(number: int, who: str = "Ada") -> dict[str, object]:
    wrong = [f"the book {number + k}" for k in range(1, 6)]
    return {
        **question(number, who),
        "paraphrased_question": f"Which book of {number} is by {who}?",
        "paraphrased_answer": f"Book {number}",
        "perturbed_answer": wrong,
    }


@pytest.fixture
def folder(tmp_path, write_lines):
    """Forty rows to forget, sixty to keep, as TOFU names and writes them."""
    write_lines(tmp_path / "forget01.json", [question(i) for i in range(40)])
    write_lines(tmp_path / "retain99.json", [question(i, "Bob") for i in range(60)])
    write_lines(tmp_path / "forget01_perturbed.json", [perturbed(i) for i in range(40)])
    write_lines(tmp_path / "retain_perturbed.json", [perturbed(i, "Bob") for i in range(5, 15)])
    return tmp_path


def load(folder, model, **more):
    return uk.load_testbed(f"tofu:{folder}", model=model, device="cpu", **more)


def test_real_rows_are_read_as_they_are(reference_data):
    where = reference_data("tofu")
    found = read_tofu(where, None)
    assert found.task == "forget01"
    assert (len(found.forget), len(found.retain)) == (40, 3960)
    assert {name: len(rows) for name, rows in found.extra.items()} == {
        "real_authors": 100,
        "world_facts": 117,
    }
    lines = (where / "forget01_perturbed.json").read_text(encoding="utf-8").splitlines()
    for located, line in zip(found.forget, lines, strict=True):
        row, given = located.row, json.loads(line)
        assert (row.question, row.answer) == (given["question"], given["answer"])
        assert list(row.wrong_answers) == given["perturbed_answer"]
        assert row.paraphrased_answer == given["paraphrased_answer"]
        assert row.paraphrase == given["paraphrased_question"]
    assert sum(bool(located.row.wrong_answers) for located in found.retain) == 400
    facts = [located.row for rows in found.extra.values() for located in rows]
    assert all(set(fact.options) == {fact.answer, *fact.wrong_answers} for fact in facts)


def test_twenty_real_rows_in_a_row_are_about_one_author(reference_data):
    """The commonest name of each block is no other block's; of blocks shifted by ten rows it often is."""
    where = reference_data("tofu")
    rows = [row for part in ("retain99", "forget01") for row in read_rows(where / f"{part}.json")]
    texts = [row.text("question") + " " + row.text("answer") for row in rows]

    def commonest(start: int) -> set[str]:
        blocks = [texts[i : i + 20] for i in range(start, len(texts) - 19, 20)]
        pattern = r"[A-Z][\w'-]+ (?:[a-z]{1,3} )?[A-Z][\w'-]+"
        counts = [Counter(n for text in block for n in set(re.findall(pattern, text))) for block in blocks]
        return {count.most_common(1)[0][0] for count in counts}

    assert len(commonest(0)) == 200
    assert len(commonest(10)) < 150


def test_authors_lie_in_one_half_each(folder, toy_model):
    lab = load(folder, toy_model)
    assert lab.forget_shown.subjects == ("forget01 author 1",)
    assert lab.forget_heldout.subjects == ("forget01 author 2",)
    assert lab.forget.rows == lab.forget_shown.rows + lab.forget_heldout.rows
    assert len(lab.retain.subjects) == 3
    keys = [row.key for row in (*lab.forget.questions, *lab.retain.questions)]
    assert len(set(keys)) == len(keys) == 100


def test_of_three_authors_two_are_shown_whole(folder, write_lines, toy_model):
    write_lines(folder / "forget01.json", [question(i) for i in range(60)])
    lab = load(folder, toy_model)
    assert [len(split) for split in (lab.forget_shown, lab.forget_heldout)] == [40, 20]
    assert not {*lab.forget_shown.subjects} & {*lab.forget_heldout.subjects}


def test_one_author_is_halved_by_rows(tmp_path, write_lines, toy_model):
    write_lines(tmp_path / "forget01.json", [question(i) for i in range(20)])
    write_lines(tmp_path / "retain99.json", [question(i, "Bob") for i in range(7)])
    lab = load(tmp_path, toy_model)
    assert [len(split) for split in (lab.forget_shown, lab.forget_heldout)] == [10, 10]
    assert lab.retain.subjects == ("retain99",)


def test_rows_may_say_subject_relation_and_half(tmp_path, write_lines, toy_model):
    said = [
        {**question(i), "subject": f"s{i}", "relation": "book", "half": half, "open_class": i > 0}
        for i, half in enumerate(["heldout", "shown", "heldout"])
    ]
    write_lines(tmp_path / "forget01.json", said)
    write_lines(tmp_path / "retain99.json", [question(0, "Bob")])
    lab = load(tmp_path, toy_model)
    assert lab.forget_shown.subjects == ("s1",)
    assert lab.forget_heldout.subjects == ("s0", "s2")
    assert [row.key for row in lab.forget.questions] == ["book/s0", "book/s1", "book/s2"]
    assert [row.open_class for row in lab.forget.questions] == [False, True, True]


def test_what_a_perturbed_row_adds_stands_at_its_question(folder, toy_model):
    lab = load(folder, toy_model)
    with_wrong = [row for row in lab.retain.questions if row.wrong_answers]
    assert [row.answer for row in with_wrong] == [f"Bob's book {i}" for i in range(5, 15)]
    assert all(row.paraphrase == f"Which book of {i} is by Bob?" for i, row in enumerate(with_wrong, 5))


def test_a_question_asked_twice_is_told_apart_by_its_answer(folder, write_lines, toy_model):
    rows = [{"question": "Who is the author?", "answer": name} for name in ("Bob", "Cy")]
    write_lines(folder / "retain99.json", rows)
    write_lines(folder / "retain_perturbed.json", [{**rows[1], "perturbed_answer": ["Dee"]}])
    lab = load(folder, toy_model)
    assert [row.wrong_answers for row in lab.retain.questions] == [(), ("Dee",)]


def test_the_matching_retain_set_is_the_complement(folder, write_lines, toy_model):
    assert [retain_of(f"forget{n}") for n in ("01", "05", "10", "90")] == [
        "retain99",
        "retain95",
        "retain90",
        "retain10",
    ]
    write_lines(folder / "retain90.json", [question(900, "Cy")])
    (folder / "retain_perturbed.json").unlink()
    assert len(load(folder, toy_model).retain) == 60
    (folder / "retain99.json").rename(folder / "retain95.json")
    with pytest.raises(MissingReference, match=r"forget01 needs retain99.json.*retain90, retain95"):
        load(folder, toy_model)
    (folder / "retain95.json").unlink()
    lab = load(folder, toy_model)
    assert lab.retain.questions[0].answer == "Cy's book 900"
    assert "no retain99, which forget01 leaves: retain90 stands in for it" in lab.notes


def test_of_several_forget_sets_one_must_be_named(folder, write_lines, toy_model):
    write_lines(folder / "forget05.json", [question(i, "Eve") for i in range(4)])
    with pytest.raises(BadInput, match=r"task: .* holds forget01, forget05; say which"):
        load(folder, toy_model)
    with pytest.raises(UnknownName, match='task: "forget50" is not known'):
        load(folder, toy_model, task="forget50")
    assert load(folder, toy_model, task="forget05").task == "forget05"


def test_a_row_to_forget_that_is_kept_too_is_refused(folder, write_lines, toy_model):
    write_lines(folder / "retain99.json", [question(70, "Bob"), question(3)])
    with pytest.raises(BadInput, match=r"forget01.json, row 4.*retain99.json, row 2 keeps it"):
        load(folder, toy_model)


def test_real_authors_without_their_options_are_read_from_the_perturbed_file(folder, write_lines, toy_model):
    rows = [{"question": "Who wrote Emma?", "answer": "Jane Austen", "perturbed_answer": ["Mary Shelley"]}]
    write_lines(folder / "real_authors_perturbed.json", rows)
    lab = load(folder, toy_model)
    (fact,) = lab.extra["real_authors"].questions
    assert (fact.options, fact.wrong_answers) == ((), ("Mary Shelley",))
    assert "no world_facts: TOFU's model utility lacks it" in lab.notes
    assert "real_authors: 1 rows; lacks holdout" in repr(lab)
